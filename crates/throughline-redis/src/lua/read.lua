-- Several reads of one slot in one consistent view.
-- KEYS: what is read. ARGV, again and again: a command, the place of its key in KEYS, how many arguments follow, these.
-- Lua cannot pass on more than some thousand arguments at once.
local FIELDS_MAX = 4000
local answers = {}
local at = 1
while at <= #ARGV do
    local command, key, count = ARGV[at], KEYS[tonumber(ARGV[at + 1])], tonumber(ARGV[at + 2])
    local first = at + 3
    if count <= FIELDS_MAX then
        answers[#answers + 1] = redis.call(command, key, unpack(ARGV, first, first + count - 1))
    else
        -- Only fields of a hash come in such numbers.
        local values = {}
        for from = first, first + count - 1, FIELDS_MAX do
            local to = math.min(from + FIELDS_MAX, first + count) - 1
            for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV, from, to))) do
                values[#values + 1] = value
            end
        end
        answers[#answers + 1] = values
    end
    at = first + count
end
return answers

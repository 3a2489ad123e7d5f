-- Several reads of one slot in one consistent view.
-- KEYS: what is read. ARGV, again and again: a command, the place of its key in KEYS, how many arguments follow, these.
local answers = {}
local at = 1
while at <= #ARGV do
    local count = tonumber(ARGV[at + 2])
    local arguments = {}
    for number = 1, count do
        arguments[number] = ARGV[at + 2 + number]
    end
    answers[#answers + 1] = redis.call(ARGV[at], KEYS[tonumber(ARGV[at + 1])], unpack(arguments))
    at = at + 3 + count
end
return answers

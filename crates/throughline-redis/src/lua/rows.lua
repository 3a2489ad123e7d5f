-- A page of a scope's search rows. KEYS: meta, rows. ARGV: the number after which, how many numbers at most.
-- Returns generation, newest row and redactions as they are now, up to which number this page goes, then number and row of
-- each, in no order. An empty list if there is no scope.
local generation = redis.call('HGET', KEYS[1], 'g')
if not generation then
    return {}
end
local newest = tonumber(redis.call('HGET', KEYS[1], 'r') or '0')
local after, page = tonumber(ARGV[1]), tonumber(ARGV[2])
local found = { generation, string.format('%.0f', newest), redis.call('HGET', KEYS[1], 'x') or '0', '' }
local upto = math.min(newest, after + page)
local kept = redis.call('HLEN', KEYS[2])
if kept <= page and newest - after > kept then
    -- More numbers than rows: all at once is less than asking for each number.
    upto = newest
    local all = redis.call('HGETALL', KEYS[2])
    for at = 1, #all, 2 do
        if tonumber(all[at]) > after then
            found[#found + 1] = all[at]
            found[#found + 1] = all[at + 1]
        end
    end
else
    for number = after + 1, upto do
        local name = string.format('%.0f', number)
        local row = redis.call('HGET', KEYS[2], name)
        if row then
            found[#found + 1] = name
            found[#found + 1] = row
        end
    end
end
found[4] = string.format('%.0f', math.max(upto, after))
return found

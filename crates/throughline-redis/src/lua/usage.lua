-- Adds to the counts of a day and stage. KEYS[1]: the counts. KEYS[2], if it is given: only if this key is there.
-- ARGV[1]: the id of this addition, 8 bytes; the newest ones are remembered, so that one that is sent again counts once.
-- ARGV[2]: how many fields follow, then each and what is added to it. Then fields to read.
-- Returns the values of these.
local ID_BYTES, IDS_MAX = 8, 8
local counts, id, added = KEYS[1], ARGV[1], tonumber(ARGV[2])
local ids = redis.call('HGET', counts, 'ids') or ''
local known = KEYS[2] and redis.call('EXISTS', KEYS[2]) == 0
for at = 1, #ids, ID_BYTES do
    known = known or string.sub(ids, at, at + ID_BYTES - 1) == id
end
if not known then
    for at = 3, 2 + 2 * added, 2 do
        redis.call('HINCRBY', counts, ARGV[at], ARGV[at + 1])
    end
    redis.call('HSET', counts, 'ids', string.sub(id .. ids, 1, ID_BYTES * IDS_MAX))
end
local values = {}
for at = 3 + 2 * added, #ARGV do
    values[#values + 1] = redis.call('HGET', counts, ARGV[at]) or '0'
end
return values

-- Changes a set of vectors that has the mark it should have, and else does nothing: then it is gone, or another writer's.
-- KEYS: its mark, its vectors. ARGV: row and redactions it has, row and redactions it gets; how many elements go, and these; then for
-- each that is put its name, vector and attributes. Returns whether it had the mark.
local mark = redis.call('HMGET', KEYS[1], 'row', 'redactions')
if mark[1] ~= ARGV[1] or mark[2] ~= ARGV[2] then
    return 0
end
local first = 6 + tonumber(ARGV[5])
for at = 6, first - 1 do
    redis.call('VREM', KEYS[2], ARGV[at])
end
for at = first, #ARGV, 3 do
    redis.call('VADD', KEYS[2], 'FP32', ARGV[at + 1], ARGV[at], 'NOQUANT', 'EF', '200', 'SETATTR', ARGV[at + 2])
end
redis.call('HSET', KEYS[1], 'row', ARGV[3], 'redactions', ARGV[4])
return 1

-- Makes a set of vectors, empty, where it is missing. KEYS: its mark, the sets of its user. ARGV: its name. Returns the mark.
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'row', 0, 'redactions', 0)
end
redis.call('SADD', KEYS[2], ARGV[1])
return redis.call('HMGET', KEYS[1], 'row', 'redactions')

-- Whether another program wrote the copy of a profile. KEYS: meta, the copy.
-- Returns nothing if it is as the store wrote it, or not there; else its hash and what it is.
local copy = redis.pcall('GET', KEYS[2])
if type(copy) ~= 'string' then
    return {}
end
local hash = redis.sha1hex(copy)
if hash == redis.call('HGET', KEYS[1], 'd') then
    return {}
end
return { hash, copy }

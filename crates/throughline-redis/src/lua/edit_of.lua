-- Whether another program wrote the copy of a profile: nothing if it is as the store wrote it, or not there; else its hash and
-- what it is.
local function edit_of(meta, copy)
    local text = redis.pcall('GET', copy)
    if type(text) ~= 'string' then
        return {}
    end
    local hash = redis.sha1hex(text)
    if hash == redis.call('HGET', meta, 'd') then
        return {}
    end
    return { hash, text }
end

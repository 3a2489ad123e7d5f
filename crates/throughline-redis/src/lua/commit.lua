-- All of a write, if nobody wrote to the same unit (a scope, a tenant, the models) since it was read.
-- KEYS[1]: a hash whose field `v` is the unit's version and `c` the ids of its newest commits. Other KEYS: what is changed.
-- ARGV[1]: the version that was read, empty for none. ARGV[2]: the id of this commit, 8 bytes. ARGV[3]: the server's time in
-- milliseconds after which it is too late, empty for never. Then operations, each with the place of its key in KEYS:
--   set KEY FIELD VALUE, delete KEY FIELD, append KEY FIELD VALUE (behind what the field has),
--   marked KEY MARK (only if a copy is what another program made of it; before any change),
--   copy KEY DOCUMENT MARK (a profile's, unless another program changed what is there, but for the change with this mark),
--   unlink KEY, require KEY VERSION (of another unit; before any change), trim KEY NEWEST NUMBERS_MAX CREATED_MIN COUNT_MAX (idempotency keys beyond their bounds).
-- Returns 1 when it is done, or was done before; 0 if somebody else wrote; -1 if it is too late; -2 if the change of a copy
-- that is taken over is another one by now.
local ID_BYTES, IDS_MAX = 8, 8
local unit, id = KEYS[1], ARGV[2]
local version = redis.call('HGET', unit, 'v') or ''
local ids = redis.call('HGET', unit, 'c') or ''
if version ~= ARGV[1] then
    for at = 1, #ids, ID_BYTES do
        if string.sub(ids, at, at + ID_BYTES - 1) == id then
            -- Sent again after its answer was lost. A write of no effect, so that who waits for the disk or for replicas
            -- waits for all that was written before.
            redis.call('HSET', unit, 'v', version)
            return 1
        end
    end
    return 0
end
if ARGV[3] ~= '' then
    local time = redis.call('TIME')
    if tonumber(time[1]) * 1000 > tonumber(ARGV[3]) then
        return -1
    end
end

local function trim(key, newest, numbers_max, created_min, count_max)
    local first = tonumber(redis.call('HGET', key, 'first') or '1')
    for _ = 1, count_max do
        local name = redis.call('HGET', key, '#' .. first)
        if not name then
            break
        end
        local record = redis.call('HGET', key, '=' .. name)
        -- The record begins with when it was made: 13 digits of milliseconds.
        if first > newest - numbers_max and tonumber(string.sub(record, 1, 13)) >= created_min then
            break
        end
        redis.call('HDEL', key, '#' .. first, '=' .. name)
        first = first + 1
    end
    redis.call('HSET', key, 'first', first)
end

local at, gone = 4, false
while at <= #ARGV do
    local what, place = ARGV[at], tonumber(ARGV[at + 1])
    local key = KEYS[place]
    if what == 'set' then
        redis.call('HSET', key, ARGV[at + 2], ARGV[at + 3])
        at = at + 4
    elseif what == 'append' then
        local before = redis.call('HGET', key, ARGV[at + 2]) or ''
        redis.call('HSET', key, ARGV[at + 2], before .. ARGV[at + 3])
        at = at + 4
    elseif what == 'delete' then
        redis.call('HDEL', key, ARGV[at + 2])
        at = at + 3
    elseif what == 'marked' then
        local copy = redis.pcall('GET', key)
        if type(copy) ~= 'string' or redis.sha1hex(copy) ~= ARGV[at + 2] then
            return -2
        end
        at = at + 3
    elseif what == 'copy' then
        -- Whatever another program may have put there must not stop a commit half way.
        local copy = redis.pcall('GET', key)
        local mark = type(copy) == 'string' and redis.sha1hex(copy)
        if not copy or (mark and (mark == redis.call('HGET', unit, 'd') or mark == ARGV[at + 3])) then
            redis.call('SET', key, ARGV[at + 2])
            redis.call('HSET', unit, 'd', redis.sha1hex(ARGV[at + 2]))
        end
        at = at + 4
    elseif what == 'require' then
        if (redis.call('HGET', key, 'v') or '') ~= ARGV[at + 2] then
            return 0
        end
        at = at + 3
    elseif what == 'unlink' then
        redis.call('UNLINK', key)
        gone = gone or place == 1
        at = at + 2
    else
        trim(key, tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]))
        at = at + 6
    end
end
if not gone then
    redis.call('HINCRBY', unit, 'v', 1)
    redis.call('HSET', unit, 'c', string.sub(id .. ids, 1, ID_BYTES * IDS_MAX))
end
return 1

-- The index of all learning jobs. KEYS: the newest number, the live ones by number, the places by number, the tenant's by number.
-- A place begins with the server's time in milliseconds at which it was written: its token.
-- ARGV[1] ARGV[2]: 'add' NUMBER PLACE lists a job, under a new number if NUMBER is empty. 'wake' NUMBER puts a dead one among
-- the live ones. 'rest' NUMBER TOKEN takes it from there; 'remove' NUMBER TOKEN takes it away altogether; neither if the
-- token is another one by now, unless TOKEN is empty. 'expire' NUMBER TOKEN AGE removes it if the token is older than so many
-- milliseconds. Returns the number and the time.
local what, number = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local stamp = string.format('%.0f', now)

local function token_and_place()
    local known = redis.call('HGET', KEYS[3], number) or ''
    return string.match(known, '^(%d+)\n(.*)$')
end

if what == 'add' then
    if number == '' then
        number = string.format('%.0f', redis.call('INCR', KEYS[1]))
    end
    redis.call('ZADD', KEYS[2], number, number)
    redis.call('HSET', KEYS[3], number, stamp .. '\n' .. ARGV[3])
    redis.call('ZADD', KEYS[4], number, number)
elseif what == 'wake' then
    local token, place = token_and_place()
    if token then
        -- Later than before, so that nobody takes it for the same.
        local later = math.max(now, tonumber(token) + 1)
        redis.call('HSET', KEYS[3], number, string.format('%.0f', later) .. '\n' .. place)
        redis.call('ZADD', KEYS[2], number, number)
    end
else
    local token = token_and_place()
    local same = ARGV[3] == '' or ARGV[3] == token
    local old = what ~= 'expire' or (token and now - tonumber(token) > tonumber(ARGV[4]))
    if same and old then
        redis.call('ZREM', KEYS[2], number)
        if what ~= 'rest' then
            redis.call('HDEL', KEYS[3], number)
            redis.call('ZREM', KEYS[4], number)
        end
    end
end
return { number, stamp }

-- The lists of scopes of one bucket. KEYS: those whose rows have to be looked through, the newest token, all scopes.
-- A scope stands on a list with a token: the server's time in microseconds, never given twice.
-- ARGV[1]: 'now' gives a token. 'register' SCOPE says that the scope is about to be made. 'add' SCOPE lists one, 'all' every
-- scope. 'remove' SCOPE TOKEN takes one off the first list, but only if nobody has listed it again since. 'erase' SCOPE TOKEN
-- takes one off both, where nobody has since the token was given. 'expire' SCOPE TOKEN AGE does so for a scope that does not
-- exist, if its tokens are older than so many microseconds: nobody is about to make it then. All return a new token.
local rows, all = KEYS[1], KEYS[3]
local what, scope = ARGV[1], ARGV[2]

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
now = math.max(now, tonumber(redis.call('GET', KEYS[2]) or '0') + 1)
local new = string.format('%.0f', now)
redis.call('SET', KEYS[2], new)

local function remove(list, goes)
    local token = redis.call('ZSCORE', list, scope)
    if token and goes(tonumber(token)) then
        redis.call('ZREM', list, scope)
    end
end

if what == 'register' then
    redis.call('ZADD', all, new, scope)
elseif what == 'add' then
    redis.call('ZADD', rows, new, scope)
elseif what == 'all' then
    for _, every in ipairs(redis.call('ZRANGE', all, 0, -1)) do
        redis.call('ZADD', rows, new, every)
    end
elseif what == 'remove' then
    remove(rows, function(token) return token == tonumber(ARGV[3]) end)
elseif what == 'erase' then
    local function before(token) return token <= tonumber(ARGV[3]) end
    remove(rows, before)
    remove(all, before)
elseif what == 'expire' then
    local function old(token) return now - token > tonumber(ARGV[4]) end
    remove(rows, function(token) return token == tonumber(ARGV[3]) and old(token) end)
    remove(all, old)
end
return new

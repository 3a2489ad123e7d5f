-- Turns of a scope, each with the name of its session, in one consistent view.
-- KEYS: meta, turns, sessions, chains, messages. ARGV[1]: 'whole' turns or their 'head' alone. ARGV[2]: which, as below.
-- Returns the scope's generation (false if there is no scope), then for each turn its number, the turn, the session's name.
-- A turn begins with its session's number and its parent's, 4 bytes each, little endian; its head is 57 bytes.
local HEAD_BYTES, CHUNK_TURNS = 57, 128
local meta, turns, sessions, chains, messages = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local found = { redis.call('HGET', meta, 'g') }
if not found[1] then
    return found
end

local function u32(text, at)
    local a, b, c, d = string.byte(text, at, at + 3)
    return a + b * 256 + c * 65536 + d * 16777216
end

-- A number as the name of a field; Lua would write large ones as 1e+15.
local function field(number)
    return string.format('%.0f', number)
end

local names = {}
local function name_of(session)
    if not names[session] then
        names[session] = redis.call('HGET', sessions, '#' .. session) or ''
    end
    return names[session]
end

local function add(seq, turn)
    local shown = ARGV[1] == 'whole' and turn or string.sub(turn, 1, HEAD_BYTES)
    found[#found + 1] = field(seq)
    found[#found + 1] = shown
    found[#found + 1] = name_of(u32(turn, 1))
end

local function add_seq(seq)
    local turn = redis.call('HGET', turns, field(seq))
    if turn then
        add(seq, turn)
    end
    return turn
end

-- The record of a session begins with its number, how many turns it has, the first of them and the newest, 4 bytes each.
local function session_of(name)
    return redis.call('HGET', sessions, '=' .. name)
end

local reads = {}

-- SEQ...
function reads.seqs()
    for at = 3, #ARGV do
        add_seq(tonumber(ARGV[at]))
    end
end

-- AFTER LIMIT
function reads.page()
    local after, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
    for seq = after + 1, after + limit do
        if not add_seq(seq) then
            break
        end
    end
end

-- NAME: the newest of a session.
function reads.newest()
    local record = session_of(ARGV[3])
    if record then
        add_seq(u32(record, 13))
    end
end

-- NAME AFTER LAST LIMIT: of one session, by the list of its turns, which is kept in chunks.
function reads.session()
    local record = session_of(ARGV[3])
    local after, last, limit = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
    if not record then
        return
    end
    local number, count, taken = u32(record, 1), u32(record, 5), 0
    for chunk = 0, math.floor((count - 1) / CHUNK_TURNS) do
        local list = redis.call('HGET', sessions, 't' .. number .. '.' .. chunk) or ''
        if list ~= '' and u32(list, #list - 3) > after then
            for at = 1, #list, 4 do
                local seq = u32(list, at)
                if taken == limit or seq > last then
                    return
                end
                if seq > after then
                    add_seq(seq)
                    taken = taken + 1
                end
            end
        end
    end
end

-- NAME or empty, CHAIN...: for each chain a turn, or nothing. A chain's field lists sessions and turns, in the order written.
function reads.chains()
    local number
    if ARGV[3] ~= '' then
        local record = session_of(ARGV[3])
        number = record and u32(record, 1) or 0
    end
    for at = 4, #ARGV do
        local list, seq = redis.call('HGET', chains, ARGV[at]) or '', 0
        for pair = 1, #list, 8 do
            if not number or u32(list, pair) == number then
                seq = math.max(seq, u32(list, pair + 4))
            end
        end
        if seq == 0 or not add_seq(seq) then
            found[#found + 1] = '0'
            found[#found + 1] = ''
            found[#found + 1] = ''
        end
    end
end

-- NAME or empty, MESSAGE BEFORE LIMIT: newest first, those below number BEFORE.
function reads.message()
    local number
    if ARGV[3] ~= '' then
        local record = session_of(ARGV[3])
        number = record and u32(record, 1) or 0
    end
    local list, before, limit = redis.call('HGET', messages, ARGV[4]) or '', tonumber(ARGV[5]), tonumber(ARGV[6])
    local taken = 0
    for at = #list - 3, 1, -4 do
        local seq = u32(list, at)
        if taken == limit then
            break
        end
        if seq < before then
            local turn = redis.call('HGET', turns, field(seq))
            if turn and (not number or u32(turn, 1) == number) then
                add(seq, turn)
                taken = taken + 1
            end
        end
    end
end

-- SEQ LIMIT: the turn and those before it.
function reads.lineage()
    local seq, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
    for _ = 1, limit do
        local turn = add_seq(seq)
        local parent = turn and u32(turn, 5) or 0
        -- Turns follow older ones: damage cannot lead in a circle.
        if parent == 0 or parent >= seq then
            break
        end
        seq = parent
    end
end

reads[ARGV[2]]()
return found

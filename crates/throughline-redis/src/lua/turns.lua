-- Turns of a scope, for scripts whose first keys are meta, turns, sessions and chains.
-- A turn begins with its session's number and its parent's, 4 bytes each, little endian; its head is 57 bytes.
local HEAD_BYTES, CHUNK_TURNS = 57, 128
local meta, turns, sessions, chains = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- What was found: for each turn its number, the turn, the session's name. If `whole` is not set, heads alone.
local found, whole = {}, false

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
    local shown = whole and turn or string.sub(turn, 1, HEAD_BYTES)
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

-- The number of the session that is named; nothing if none is, 0 if there is none of the name.
local function number_of(name)
    if name ~= '' then
        local record = session_of(name)
        return record and u32(record, 1) or 0
    end
end

-- The newest turn that has a chain, in the session of this number if one is given; 0 for none. A chain's field lists sessions
-- and turns, in the order written.
local function newest_with(chain, number)
    local list, seq = redis.call('HGET', chains, chain) or '', 0
    for pair = 1, #list, 8 do
        if not number or u32(list, pair) == number then
            seq = math.max(seq, u32(list, pair + 4))
        end
    end
    return seq
end

local function add_newest(name)
    local record = session_of(name)
    if record then
        add_seq(u32(record, 13))
    end
end

-- The turn and those before it.
local function add_line(seq, limit)
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

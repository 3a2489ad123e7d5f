-- Turns of a scope, each with the name of its session, in one consistent view. Follows turns.lua.
-- KEYS: meta, turns, sessions, chains, messages. ARGV[1]: 'whole' turns or their 'head' alone. ARGV[2]: which, as below.
-- Returns the scope's generation (false if there is no scope), then what turns.lua finds.
local messages = KEYS[5]
whole = ARGV[1] == 'whole'
found[1] = redis.call('HGET', meta, 'g')
if not found[1] then
    return found
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
    add_newest(ARGV[3])
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

-- NAME or empty, CHAIN...: for each chain the newest turn, or nothing.
function reads.chains()
    local number = number_of(ARGV[3])
    for at = 4, #ARGV do
        local seq = newest_with(ARGV[at], number)
        if seq == 0 or not add_seq(seq) then
            found[#found + 1] = '0'
            found[#found + 1] = ''
            found[#found + 1] = ''
        end
    end
end

-- NAME or empty, MESSAGE BEFORE LIMIT: newest first, those below number BEFORE.
function reads.message()
    local number = number_of(ARGV[3])
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
    add_line(tonumber(ARGV[3]), tonumber(ARGV[4]))
end

reads[ARGV[2]]()
return found

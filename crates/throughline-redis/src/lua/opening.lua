-- What a request needs of a scope, in one consistent view. Follows turns.lua, rows_page.lua and edit_of.lua.
-- KEYS: meta, turns, sessions, chains, rows, profiles, tombstones, the copy of the profile.
-- ARGV: '1' if the profile is wanted; '1' if tombstones are; after which row and which turn news are, the first empty for none;
-- of how many row numbers, turns and bytes of turns they are at most; the session or empty; how many turns of the thread at
-- most; chains, the newest last.
-- Returns the newest entry of the ledger; a page of rows; new turns, the thread and the session's newest turn, as turns.lua has
-- them; the newest profile; '1' if another program wrote its copy; the tombstones.
local with_profile, with_tombstones = ARGV[1] == '1', ARGV[2] == '1'
local after_row, after_turn = tonumber(ARGV[3]), tonumber(ARGV[4])
local rows_max, turns_max, bytes_max = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local session, thread_max = ARGV[8], tonumber(ARGV[9])

-- Of no row without news: the page then says no more than the revision.
local page = rows_page(meta, KEYS[5], after_row or 0, after_row and rows_max or 0)

whole = true
if after_row then
    local bytes = 0
    for seq = after_turn + 1, after_turn + turns_max do
        local turn = redis.call('HGET', turns, field(seq))
        bytes = bytes + (turn and #turn or 0)
        if not turn or bytes > bytes_max then
            break
        end
        add(seq, turn)
    end
end
local news = found

found, whole = {}, false
local number = number_of(session)
for at = #ARGV, 10, -1 do
    local seq = newest_with(ARGV[at], number)
    if seq > 0 then
        add_line(seq, thread_max)
        break
    end
end
local thread = found

found = {}
if session ~= '' then
    add_newest(session)
end

return {
    redis.call('HGET', meta, 'e') or '0',
    page,
    news,
    thread,
    found,
    with_profile and redis.call('HGET', KEYS[6], 'newest'),
    with_profile and edit_of(meta, KEYS[8])[1] and '1' or '0',
    with_tombstones and redis.call('HGETALL', KEYS[7]) or {},
}

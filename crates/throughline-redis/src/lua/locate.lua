-- Where things are that are asked for by their id alone. KEYS[1]: a hash of lists, one scope a line, under each id.
-- ARGV, again and again: '+' or '-', an id, a scope, the scope's generation, its version. '+' notes the scope, as it was when
-- its writer read it. '-' takes the note away if it is of that generation and of no later version: else it was made anew.
for at = 1, #ARGV, 5 do
    local what, id, scope, generation, version = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
    local kept = {}
    for line in string.gmatch(redis.call('HGET', KEYS[1], id) or '', '[^\n]+') do
        local other, of, at_version = string.match(line, '^(.*)\t(%x+)\t(%d+)$')
        local gone = other == scope
            and (what == '+' or (of == generation and tonumber(at_version) <= tonumber(version)))
        if not gone then
            kept[#kept + 1] = line
        end
    end
    if what == '+' then
        kept[#kept + 1] = table.concat({ scope, generation, version }, '\t')
    end
    if #kept == 0 then
        redis.call('HDEL', KEYS[1], id)
    else
        redis.call('HSET', KEYS[1], id, table.concat(kept, '\n'))
    end
end
return 1

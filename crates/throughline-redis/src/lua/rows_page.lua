-- A page of a scope's search rows: those after a number, of so many numbers at most.
-- Returns generation, newest row and redactions as they are now, up to which number this page goes, then number and row of
-- each, in no order. An empty list if there is no scope.
local function rows_page(meta, rows, after, page)
    local generation = redis.call('HGET', meta, 'g')
    if not generation then
        return {}
    end
    local newest = tonumber(redis.call('HGET', meta, 'r') or '0')
    local page_of = { generation, string.format('%.0f', newest), redis.call('HGET', meta, 'x') or '0', '' }
    local upto = math.min(newest, after + page)
    local kept = redis.call('HLEN', rows)
    if kept <= page and newest - after > kept then
        -- More numbers than rows: all at once is less than asking for each number.
        upto = newest
        local all = redis.call('HGETALL', rows)
        for at = 1, #all, 2 do
            if tonumber(all[at]) > after then
                page_of[#page_of + 1] = all[at]
                page_of[#page_of + 1] = all[at + 1]
            end
        end
    else
        for number = after + 1, upto do
            local name = string.format('%.0f', number)
            local row = redis.call('HGET', rows, name)
            if row then
                page_of[#page_of + 1] = name
                page_of[#page_of + 1] = row
            end
        end
    end
    page_of[4] = string.format('%.0f', math.max(upto, after))
    return page_of
end

-- A page of a scope's search rows, as rows_page.lua has it. KEYS: meta, rows. ARGV: the number after which, how many numbers.
return rows_page(KEYS[1], KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2]))

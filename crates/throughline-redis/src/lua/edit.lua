-- What another program made of the copy of a profile, as edit_of.lua has it. KEYS: meta, the copy.
return edit_of(KEYS[1], KEYS[2])

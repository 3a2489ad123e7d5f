-- Takes a set of vectors away. KEYS: its mark, its vectors, the sets of its user. ARGV: its name.
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('SREM', KEYS[3], ARGV[1])
return 1

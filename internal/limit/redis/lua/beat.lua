-- Says that a replica lives; who else does; whose counters are being read.
-- KEYS: live, epoch, wanted. ARGV: name, how long a beat counts in µs.
local t = redis.call('TIME')
local now = t[1] * 1e6 + t[2]
local function int(x) return string.format('%.0f', x) end
redis.call('SET', KEYS[2], int(now), 'NX')
if ARGV[1] ~= '' then redis.call('ZADD', KEYS[1], int(now), ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now - ARGV[2]))
local members = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(members)
return {int(now - redis.call('GET', KEYS[2])), members, redis.call('HGETALL', KEYS[3])}

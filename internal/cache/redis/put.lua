-- Keeps one entry of a scope.
-- KEYS: 1 the entries, a hash; 2 their ends, a sorted set. Both in one slot.
-- ARGV: 1 the entry's id, 2 the entry, 3 its time to live in ms, 4 the most bytes of the scope.
-- The hash's field "size" is the sum of its entries' bytes.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local size = redis.call('HINCRBY', KEYS[1], 'size', #ARGV[2] - redis.call('HSTRLEN', KEYS[1], ARGV[1]))
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
-- What is over goes, and for want of room what ends next. A bound on the work of
-- one call: Redis serves nobody else meanwhile.
for _ = 1, 1000 do
  local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  if #first == 0 or (size <= tonumber(ARGV[4]) and tonumber(first[2]) > now) then
    break
  end
  size = redis.call('HINCRBY', KEYS[1], 'size', -redis.call('HSTRLEN', KEYS[1], first[1]))
  redis.call('HDEL', KEYS[1], first[1])
  redis.call('ZREM', KEYS[2], first[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return size

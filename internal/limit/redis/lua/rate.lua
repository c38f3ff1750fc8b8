-- The log of admissions is a sorted set by time, oldest first: one member an
-- admission. For limits above 1000 a member stands for all admissions of a 256th
-- of the window and leaves when the last of them does; a hash counts how many
-- more than one each stands for, and in all.

local exact, parts = 1000, 256

-- Drops what has left the window; returns how many admissions are in it, and
-- the time of the newest.
local function rate_used(a, now, length)
  local edge = int(now - length)
  local extra = tonumber(redis.call('HGET', a.c, 'extra') or 0)
  if extra > 0 then
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', a.r, '-inf', edge)) do
      local more = redis.call('HGET', a.c, 'n:' .. member)
      if more then
        redis.call('HDEL', a.c, 'n:' .. member)
        extra = redis.call('HINCRBY', a.c, 'extra', -more)
      end
    end
  end
  redis.call('ZREMRANGEBYSCORE', a.r, '-inf', edge)
  local members = redis.call('ZCARD', a.r)
  if members == 0 then
    if extra ~= 0 then redis.call('DEL', a.c) end
    return 0, 0
  end
  return members + extra, tonumber(redis.call('ZRANGE', a.r, -1, -1, 'WITHSCORES')[2])
end

-- How long until n more fit, when used of limit are used.
local function rate_wait(a, now, used, limit, length, n)
  local excess = used + n - 1 - limit
  if excess < 0 then return 0 end
  local log = redis.call('ZRANGE', a.r, 0, excess, 'WITHSCORES')
  for i = 1, #log, 2 do
    excess = excess - 1 - tonumber(redis.call('HGET', a.c, 'n:' .. log[i]) or 0)
    if excess < 0 then return log[i + 1] + length - now end
  end
  return length
end

-- Returns the member that stands for n admissions.
local function rate_add(a, now, newest, limit, length, id, n)
  now = math.max(now, newest) -- a clock that steps back must not reorder the log
  local member, more = id, n - 1
  local keep = int(length / 1000 + 60000)
  if limit > exact then
    local c = redis.call('HMGET', a.c, 'current', 'first')
    if c[1] and now < c[2] + length / parts and redis.call('ZSCORE', a.r, c[1]) then
      member, more = c[1], n
    else
      redis.call('HSET', a.c, 'current', member, 'first', int(now))
    end
  end
  if more > 0 then
    redis.call('HINCRBY', a.c, 'n:' .. member, more)
    redis.call('HINCRBY', a.c, 'extra', more)
  end
  if limit > exact or more > 0 then redis.call('PEXPIRE', a.c, keep) end
  redis.call('ZADD', a.r, int(now), member)
  redis.call('PEXPIRE', a.r, keep)
  return member
end

local function rate_undo(a, member)
  if tonumber(redis.call('HGET', a.c, 'n:' .. member) or 0) > 0 then
    redis.call('HINCRBY', a.c, 'n:' .. member, -1)
    redis.call('HINCRBY', a.c, 'extra', -1)
  else
    redis.call('ZREM', a.r, member)
  end
end

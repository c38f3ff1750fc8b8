-- What every script starts with: how one account is read, rolled, swept and
-- written back. package redis says what the keys hold.

-- Money is dollars and nano-dollars apart: Lua's numbers are doubles, exact to
-- 2^53 only, and an int64 of nano-dollars does not fit one.
local function norm(d, n)
  local carry = math.floor(n / 1e9)
  return {d + carry, n - carry * 1e9}
end

local zero = {0, 0}

local function money(text)
  local sign, digits = string.match(text or '0', '^(-?)(%d+)$')
  local d, n = tonumber(string.sub(digits, 1, -10)) or 0, tonumber(string.sub(digits, -9))
  if sign == '-' then return norm(-d, -n) end
  return {d, n}
end

local function add(a, b) return norm(a[1] + b[1], a[2] + b[2]) end
local function sub(a, b) return norm(a[1] - b[1], a[2] - b[2]) end
local function less(a, b) return a[1] < b[1] or a[1] == b[1] and a[2] < b[2] end

local function text(a)
  local sign, d, n = '', a[1], a[2]
  if d < 0 then
    sign, d, n = '-', -d, 0 - n -- 0 - 0 has no sign
    if n < 0 then d, n = d - 1, n + 1e9 end
  end
  if d == 0 then return sign .. string.format('%.0f', n) end
  return sign .. string.format('%.0f%09.0f', d, n)
end

local function int(x) return string.format('%.0f', x) end

-- Times are µs since 1970.
local function real()
  local t = redis.call('TIME')
  return t[1] * 1e6 + t[2]
end

local function clock()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  return real()
end

local day = 86400e6

-- The day number of the first of a month; month counts from 0 and may pass 11.
-- Years run from March, so that the leap day is the last.
local function first_of(year, month)
  year, month = year + math.floor(month / 12), month % 12
  local y, m = year, month - 2
  if m < 0 then y, m = y - 1, m + 12 end
  local era = math.floor(y / 400)
  local yoe = y - era * 400
  return era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + math.floor((153 * m + 2) / 5) - 719468
end

local function month_of(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local m = math.floor((5 * doy + 2) / 153)
  local year, month = yoe + era * 400, m + 2
  if month > 11 then year, month = year + 1, month - 12 end
  return year, month
end

-- The UTC calendar window that holds now: [start, finish).
local function window(unit, now)
  if unit == 'mo' then
    local year, month = month_of(math.floor(now / day))
    return first_of(year, month) * day, first_of(year, month + 1) * day
  end
  local length = ({m = 60e6, h = 3600e6, d = day})[unit]
  if not length then return 0, 0 end
  local start = math.floor(now / length) * length
  return start, start + length
end

local function record(value)
  local granted, at, deadline, owner = string.match(value, '^(%S+) (%S+) (%S+) (.*)$')
  return money(granted), tonumber(at), tonumber(deadline), owner
end

local function keep(a, id, granted, at, deadline, owner)
  redis.call('HSET', a.o, id, text(granted) .. ' ' .. int(at) .. ' ' .. int(deadline) .. ' ' .. owner)
  if not a.next or deadline < a.next then a.next = deadline end
  a.dirty = true
end

-- Sums what is reserved. What is past its deadline goes.
local function recount(a, now)
  a.held, a.wheld, a.next, a.dirty = zero, zero, nil, true
  local all = redis.call('HGETALL', a.o)
  for i = 1, #all, 2 do
    local granted, at, deadline = record(all[i + 1])
    if deadline <= now then
      redis.call('HDEL', a.o, all[i])
    else
      a.held = add(a.held, granted)
      if at >= a.start then a.wheld = add(a.wheld, granted) end
      if not a.next or deadline < a.next then a.next = deadline end
    end
  end
end

local fields = {'state', 'total', 'held', 'unit', 'start', 'finish', 'window', 'wheld', 'next', 'token', 'until', 'doubt'}

-- The i-th account of KEYS, in its current window, without dead reservations.
local function open(i, now)
  local k = (i - 1) * 5
  local a = {m = KEYS[k + 1], o = KEYS[k + 2], d = KEYS[k + 3], r = KEYS[k + 4], c = KEYS[k + 5]}
  local v = redis.call('HMGET', a.m, unpack(fields))
  a.exists = v[1] and true or false
  a.state, a.unit, a.token, a.doubt = v[1] or '', v[4] or '', v[10] or '', v[12] or ''
  a.total, a.held, a.window, a.wheld = money(v[2] or '0'), money(v[3] or '0'), money(v[7] or '0'), money(v[8] or '0')
  a.start, a.finish = tonumber(v[5] or 0), tonumber(v[6] or 0)
  a.next = tonumber(v[9] or '')
  a.lapse = tonumber(v[11] or '') or 0
  if not a.exists and redis.call('EXISTS', a.o) == 1 then
    recount(a, now) -- the sums were lost without the reservations
  end
  if a.unit ~= '' and now >= a.finish then
    a.start, a.finish = window(a.unit, now)
    a.window = zero
    recount(a, now)
  elseif a.next and now >= a.next then
    recount(a, now)
  end
  return a
end

local kept_for = 45 * 86400

local function save(a)
  if not a.dirty then return end
  redis.call('HSET', a.m, 'state', a.state, 'total', text(a.total), 'held', text(a.held), 'unit', a.unit,
    'start', int(a.start), 'finish', int(a.finish), 'window', text(a.window), 'wheld', text(a.wheld),
    'next', a.next and int(a.next) or '', 'token', a.token, 'until', int(a.lapse), 'doubt', a.doubt)
  -- What the ledger does not hold yet outlives any reservation.
  local seconds = a.state == '' and 3600 or kept_for
  redis.call('EXPIRE', a.m, seconds)
  redis.call('EXPIRE', a.o, seconds)
end

local function hold(a, id, granted, at, deadline, owner)
  keep(a, id, granted, at, deadline, owner)
  a.held = add(a.held, granted)
  if at >= a.start then a.wheld = add(a.wheld, granted) end
end

local function release(a, granted, at)
  a.held, a.dirty = sub(a.held, granted), true
  if at >= a.start then a.wheld = sub(a.wheld, granted) end
end

local function charge(a, at, cost)
  if a.state == '' then return end -- whoever loads reads it from the ledger
  a.total, a.dirty = add(a.total, cost), true
  if at >= a.start then a.window = add(a.window, cost) end
  if a.state == 'loading' then
    a.doubt = '1' -- may be in the reading too
  else
    a.token = '' -- spoils a reading that only checks
  end
end

-- Which limit has no room: 'total', 'window' or nil; and what the limits leave.
local function room(a, limits, least)
  local left
  if less(zero, limits.total) then
    left = sub(sub(limits.total, a.total), a.held)
    if not less(zero, left) or less(left, least) then return 'total' end
  end
  if less(zero, limits.window) then
    local l = sub(sub(limits.window, a.window), a.wheld)
    if not less(zero, l) or less(l, least) then return 'window' end
    if not left or less(l, left) then left = l end
  end
  return nil, left
end

-- Per account, after the arguments of the script's own.
local function limits_at(i)
  return {
    total = money(ARGV[i]), window = money(ARGV[i + 1]), unit = ARGV[i + 2], cost = ARGV[i + 3] == '1',
    rate = tonumber(ARGV[i + 4]), length = tonumber(ARGV[i + 5]), parallel = tonumber(ARGV[i + 6]),
  }
end

local function running(a) return redis.call('HLEN', a.o) end

local remembered, remembered_for = 50000, 3600e6

-- Notes that id is charged. Real time: a test's clock may stand still.
local function finish(a, id)
  local now = real()
  redis.call('ZADD', a.d, int(now), id)
  redis.call('ZREMRANGEBYSCORE', a.d, '-inf', int(now - remembered_for))
  redis.call('ZREMRANGEBYRANK', a.d, 0, -remembered - 1)
  redis.call('EXPIRE', a.d, 3600)
end

local function ended(a, id) return redis.call('ZSCORE', a.d, id) and true or false end

local function snapshot(a, used, newest, wait)
  return {a.state, text(a.total), text(a.held), a.unit, int(a.start), int(a.finish), text(a.window), text(a.wheld),
    int(running(a)), int(used or 0), int(newest or 0), int(wait or 0)}
end

-- The three steps of a reading of the ledger.
-- now, step (begin, check, end, end-check, abandon), token, unit, patience, total,
-- window, start of the window that was read.
local now, step, token, unit = clock(), ARGV[2], ARGV[3], ARGV[4]
local a = open(1, now)
a.dirty = true

local function answer(verdict)
  save(a)
  return {verdict, int(a.start)}
end

if step == 'begin' or step == 'check' then
  local busy = a.token ~= '' and real() < a.lapse
  if step == 'check' then
    if a.state ~= 'loaded' then return answer('gone') end
    if busy then return answer('busy') end
  else
    if a.state == 'loaded' and a.unit == unit then return answer('loaded') end
    if a.state == 'loading' and busy then return answer('busy') end
    a.state, a.total, a.window, a.unit, a.doubt = 'loading', zero, zero, unit, ''
    a.start, a.finish = window(unit, now)
    recount(a, now)
  end
  for _, field in ipairs(redis.call('HKEYS', a.m)) do
    if string.sub(field, 1, 4) == 'ack:' then redis.call('HDEL', a.m, field) end
  end
  a.token, a.lapse = token, real() + tonumber(ARGV[5])
  return answer('begun')
end

if a.token ~= token then return answer('lost') end
a.token = ''
if step == 'abandon' then
  if a.state == 'loading' then a.state = '' end
  return answer('abandoned')
end
if a.start ~= tonumber(ARGV[8]) then -- another window has begun
  if step == 'end' then a.state = '' end
  return answer('again')
end
if step == 'end' then
  -- Charged while the ledger was read: may be in the sums too. Counting twice
  -- refuses early, counting never would overspend.
  a.total, a.window, a.state = add(a.total, money(ARGV[6])), add(a.window, money(ARGV[7])), 'loaded'
  return answer(a.doubt == '' and 'loaded' or 'doubtful')
end
a.total, a.window, a.doubt = money(ARGV[6]), money(ARGV[7]), ''
return answer('loaded')

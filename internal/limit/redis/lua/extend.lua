-- Reserves more, all or nothing.
-- now, id, more, granted so far, at, lease, owner, force, limits…
-- Answers as reserve does.
local now = clock()
local id, more, granted, at = ARGV[2], money(ARGV[3]), money(ARGV[4]), tonumber(ARGV[5])
local lease, owner, force = tonumber(ARGV[6]), ARGV[7], ARGV[8] == '1'
local all = {}

local function answer(verdict, i)
  local out = {verdict, i, '0', int(at), int(now), {}}
  for _, a in ipairs(all) do
    save(a)
    out[#out + 1] = snapshot(a)
  end
  return out
end

for i = 1, #KEYS / 5 do all[i] = open(i, now) end
for i, a in ipairs(all) do
  if ended(a, id) then return answer('settled', i) end
  local l = limits_at(9 + (i - 1) * 7)
  if l.cost and (a.state ~= 'loaded' or a.unit ~= l.unit) then return answer('load', i) end
end
for i, a in ipairs(all) do
  a.needs = more
  if redis.call('HEXISTS', a.o, id) == 0 then a.needs = add(granted, more) end -- it had lapsed
  if not force then
    local full = room(a, limits_at(9 + (i - 1) * 7), a.needs)
    if full then return answer(full, i) end
  end
end
for _, a in ipairs(all) do
  local before = redis.call('HGET', a.o, id)
  if before then
    local b, t = record(before)
    release(a, b, t)
    hold(a, id, add(b, more), t, now + lease, owner)
  else
    hold(a, id, a.needs, at, now + lease, owner)
  end
end
return answer('ok', 0)

-- Admits a request to all accounts or to none, or only looks.
-- now, id, cost, least, lease, owner, mode (take, look, stand), money, limits…
-- Answers verdict, account, granted, at, now, the rate log's members, and how each
-- account stood before.
local now = clock()
local id, cost, least = ARGV[2], money(ARGV[3]), money(ARGV[4])
local lease, owner, mode, needs = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8] == '1'
local all, bound, used, newest, wait = {}, {}, {}, {}, {}

local function answer(verdict, i, granted, at, members)
  local out = {verdict, i, granted and text(granted) or '0', int(at or 0), int(now), members or {}}
  for j, a in ipairs(all) do
    save(a)
    local l = bound[j]
    if l.rate > 0 and not used[j] then used[j], newest[j] = rate_used(a, now, l.length) end
    out[#out + 1] = snapshot(a, used[j], newest[j], wait[j])
  end
  return out
end

local at = now
for i = 1, #KEYS / 5 do
  all[i], bound[i] = open(i, now), limits_at(9 + (i - 1) * 7)
  at = math.max(at, all[i].start) -- a clock that steps back must not leave the window
end
for i, a in ipairs(all) do
  if bound[i].cost and (a.state ~= 'loaded' or a.unit ~= bound[i].unit) then return answer('load', i) end
end
if mode == 'stand' then return answer('ok', 0) end
if mode == 'take' then
  for i, a in ipairs(all) do
    local open = redis.call('HGET', a.o, id)
    if open then
      local granted, at = record(open)
      return answer('again', i, granted, at)
    end
  end
  for i, a in ipairs(all) do
    if ended(a, id) then return answer('settled', i, cost, at) end
  end
end
local granted = cost
for i, a in ipairs(all) do
  local l = bound[i]
  if l.parallel > 0 and running(a) >= l.parallel then return answer('parallel', i) end
  if l.rate > 0 then
    used[i], newest[i] = rate_used(a, now, l.length)
    wait[i] = rate_wait(a, now, used[i], l.rate, l.length, 1)
    if wait[i] > 0 then return answer('rate', i) end
  end
  if needs then
    local full, left = room(a, l, least)
    if full then return answer(full, i) end
    if left and less(left, granted) then granted = left end
  end
end
if mode == 'look' then return answer('ok', 0) end
local out = answer('ok', 0, granted, at)
for i, a in ipairs(all) do
  local l = bound[i]
  hold(a, id, granted, at, now + lease, owner)
  if l.rate > 0 then
    out[6][i] = rate_add(a, now, newest[i], l.rate, l.length, id, 1)
  else
    out[6][i] = ''
  end
  save(a)
end
return out

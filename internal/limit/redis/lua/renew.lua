-- Moves the deadlines of an owner's reservations of one account, and brings back
-- those that were lost; answers a reader that waits for that.
-- now, lease, owner, token of the reading or '', then id, granted, at…
local now = clock()
local lease, owner, token = tonumber(ARGV[2]), ARGV[3], ARGV[4]
local a = open(1, now)
for i = 5, #ARGV, 3 do
  local open = redis.call('HGET', a.o, ARGV[i])
  if open then
    local granted, at = record(open)
    keep(a, ARGV[i], granted, at, now + lease, owner)
  elseif not ended(a, ARGV[i]) then
    hold(a, ARGV[i], money(ARGV[i + 1]), tonumber(ARGV[i + 2]), now + lease, owner)
  end
end
if a.dirty then save(a) end
if token ~= '' and token == a.token then redis.call('HSET', a.m, 'ack:' .. owner, token) end
return 'ok'

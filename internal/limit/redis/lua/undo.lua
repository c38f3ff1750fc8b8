-- Takes a reservation back as if it had never been, or lowers it.
-- now, id, granted ('' to take it back), then per account the member of the rate log.
local now = clock()
local id = ARGV[2]
for i = 1, #KEYS / 5 do
  local a = open(i, now)
  local open = redis.call('HGET', a.o, id)
  if open then
    local granted, at, deadline, owner = record(open)
    redis.call('HDEL', a.o, id)
    release(a, granted, at)
    if ARGV[3] ~= '' then
      hold(a, id, money(ARGV[3]), at, deadline, owner)
    elseif ARGV[3 + i] and ARGV[3 + i] ~= '' then
      rate_undo(a, ARGV[3 + i])
    end
  end
  save(a)
end
return 'ok'

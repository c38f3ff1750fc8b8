-- Ends a request and charges it, once.
-- now, id, cost, at, then per account: whether the id is to be remembered even
-- where nothing is counted.
local now = clock()
local id, cost, at = ARGV[2], money(ARGV[3]), tonumber(ARGV[4])
for i = 1, #KEYS / 5 do
  local a = open(i, now)
  if not ended(a, id) then
    local open = redis.call('HGET', a.o, id)
    if open then
      redis.call('HDEL', a.o, id)
      local granted, began = record(open)
      release(a, granted, began)
    end
    if open or a.exists or ARGV[4 + i] == '1' then finish(a, id) end
    charge(a, at, cost)
  end
  save(a)
end
return 'ok'

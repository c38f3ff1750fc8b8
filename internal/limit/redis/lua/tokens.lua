-- Counts tokens in one user's window, or says how long until they fit.
-- now, id, tokens, limit, length, whether they count though they do not fit.
-- Answers the wait, 0 when they are counted.
local now, id = clock(), ARGV[2]
local n, limit, length = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local a = {r = KEYS[1], c = KEYS[2]}
local used, newest = rate_used(a, now, length)
if ARGV[6] ~= '1' then
  local wait = rate_wait(a, now, used, limit, length, n)
  if wait > 0 then return int(wait) end
end
rate_add(a, now, newest, limit, length, id, n)
return '0'

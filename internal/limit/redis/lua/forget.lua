-- Forgets what is counted of an account's money.
-- now
local a = open(1, clock())
if a.exists then
  a.state, a.token, a.dirty = '', '', true
  save(a)
end
return 'ok'

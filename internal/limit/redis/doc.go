// Package redis limits keys and users for any number of processors, by counters
// in one Redis server or Cluster. The counters are a cache of the ledger: an
// account whose money is not counted is read from it before it is admitted, so a
// Redis that forgets costs time and no money.
//
// # Keys
//
// An account has five keys with the account's id as hash tag, so that they share
// a slot: m (hash: how far its money is counted, and its sums), o (hash: the open
// reservations, each "granted at deadline owner"), d (sorted set: ids charged in
// the last hour), r and c (the rate log). A script reads and writes all of them
// at once, with Redis's own time; on a single server one script takes all
// accounts of a request, on a Cluster it is one an account, in the order of their
// ids, and a refusal takes the earlier ones back. Sums are kept as dollars and
// nano-dollars apart, because Lua's numbers are doubles: exact over the whole of
// int64, and sums beyond it do not wrap.
//
// A user's window of tokens has two keys, r and c, with a hash of the user's name
// as hash tag.
//
// # Reservations
//
// A reservation lapses at its deadline unless its owner renews it (Run). Whoever
// touches the account next returns what has lapsed. A reservation that was lost
// or lapsed too early comes back with the next renewal, and its settlement is
// charged in any case. Charging is idempotent by id for an hour.
//
// # Reading the ledger
//
// A script that finds money not counted answers so. The first to begin marks the
// account with a token; requests wait. Sums then start at zero, and what is
// charged meanwhile is added to them. The reader waits until every live replica
// has answered the token: each writes its events to the ledger first (Flush),
// strikes settlements that it could not deliver yet, for the ledger has them now,
// and puts its open reservations back. Only then is the ledger read and the sum
// added. So everything spent before the token is in the reading, everything after
// it is in the sums, and what runs is reserved: no money is missing. What was
// charged between token and reading may be in both, which refuses early; the
// account is in doubt then and read again, until a reading is not disturbed by a
// charge. Replicas are known by their beats. After a loss of all keys the beats
// begin anew, and nothing is read before every replica known until then has come
// back or is given up; a replica that dies at that moment takes its running
// requests' reservations with it until its restart books them.
//
// A failure of Redis may hide lost writes (failover, restart from disk): after
// each, the accounts charged shortly before are read again.
//
// # Redis away
//
// Every call has a deadline of 50 ms, and after a few failures none is made until
// the beat succeeds again. Meanwhile cost limits refuse, and rate limits and
// windows of tokens are shared out between the replicas (Options). Settlements wait in memory.
package redis

package store

import (
	"context"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

var errSecondProcessor = &gateway.Error{
	Kind: gateway.Conflict,
	Message: "another processor runs on this database with counters in its own process; " +
		"stop it, or give both a Redis (REDIS_URL or REDIS_HOSTS) to count in",
}

// LockSingleProcessor makes sure that one processor at most counts in its own
// process: two would each admit the whole of a limit. While another holds the
// lock it is a Conflict, at once. release is to be called once.
func (s *Store) LockSingleProcessor(ctx context.Context) (release func(), err error) {
	release, err = s.backend.lockSingleProcessor(ctx)
	return release, s.explain("lock single processor", err)
}

package main

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/cache"
	rediscache "github.com/bricks-gateway/bricks/internal/cache/redis"
)

// cacheConfig bounds the answers that routes keep.
type cacheConfig struct {
	Bytes       int64 `env:"BYTES"`        // in the process, or of one route in Redis; 0: nothing is kept
	AnswerBytes int64 `env:"ANSWER_BYTES"` // of one answer
}

func (c *cacheConfig) validate() error {
	if c.Bytes < 0 || c.AnswerBytes < 1 {
		return errors.New("CACHE_BYTES must not be negative, and CACHE_ANSWER_BYTES must be above zero")
	}
	return nil
}

// makeCache makes the store for answers: in Redis where there is one, so that
// all processors share it. nil: none are kept, as strict privacy demands.
func (s *system) makeCache() (cache.Store, error) {
	if s.config.Cache.Bytes == 0 || s.config.Privacy == "strict" {
		return nil, nil
	}
	if s.config.Redis.enabled() {
		server, err := s.config.Redis.server()
		if err != nil {
			return nil, err
		}
		r := rediscache.New(rediscache.Options{
			Client: server.Client(), Timeout: s.config.Redis.CallTimeout, Limit: s.config.Cache.Bytes, Logger: s.logger,
		})
		s.onStopTry("close the cache", r.Close)
		return r, nil
	}
	m := cache.NewMemory(s.config.Cache.Bytes)
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bricks_cache_bytes", Help: "What the answers take that are kept in this process.",
	}, func() float64 { return float64(m.Size()) }))
	return m, nil
}

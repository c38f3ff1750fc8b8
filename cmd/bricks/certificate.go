package main

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A certificate between the roles that ends within expiryNotice is warned of
// every expiryInterval.
const (
	expiryNotice   = 14 * 24 * time.Hour
	expiryInterval = 6 * time.Hour
)

// watchCertificate tells when this role's certificate ends, as it is on disk at
// the time of asking.
func (s *system) watchCertificate(context.Context) error {
	files := s.config.controlFiles()
	if !files.Given() {
		return nil
	}
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bricks_control_certificate_expiry_timestamp_seconds",
		Help: "When this role's certificate ends, in Unix seconds; NaN while it cannot be read.",
	}, func() float64 {
		end, err := files.Expiry()
		if err != nil {
			return math.NaN()
		}
		return float64(end.Unix())
	}))
	s.onStop(s.workers.start("certificate watch", func(ctx context.Context) error {
		tick := time.NewTicker(expiryInterval)
		defer tick.Stop()
		for {
			switch end, err := files.Expiry(); {
			case err != nil:
				s.logger.Error("certificate between the roles not read, the last good one is used", "error", err)
			case time.Until(end) < expiryNotice:
				s.logger.Warn("certificate between the roles ends soon", "file", files.Cert, "end", end)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}))
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/retention"
)

// leastRetention is longer than anyone repeats an event: one that comes again
// after it was deleted would be counted again.
const leastRetention = 24 * time.Hour

// period is a duration that may be in days.
type period time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *period) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		*p = period(n) * period(24*time.Hour)
		if err != nil {
			return fmt.Errorf("%q is no number of days", days)
		}
		return nil
	}
	d, err := time.ParseDuration(string(text))
	*p = period(d)
	return err
}

func (c *config) validateRetention() error {
	var faults []error
	for _, r := range []struct {
		name  string
		value period
	}{{"EVENT_RETENTION", c.EventRetention}, {"EVENT_BODY_RETENTION", c.BodyRetention}} {
		if r.value != 0 && time.Duration(r.value) < leastRetention {
			faults = append(faults, fmt.Errorf("%s must be at least %v, or 0 for ever", r.name, leastRetention))
		}
	}
	return errors.Join(faults...)
}

// startRetention deletes what is older than it is to be kept.
func (s *system) startRetention(context.Context) error {
	o := retention.Options{
		Store: s.db, Logger: s.logger,
		Events: time.Duration(s.config.EventRetention), Bodies: time.Duration(s.config.BodyRetention),
	}
	if o.Any() {
		s.onStop(s.workers.start("retention", func(ctx context.Context) error { return retention.Run(ctx, o) }))
	}
	return nil
}

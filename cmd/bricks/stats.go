package main

import "github.com/bricks-gateway/bricks/internal/telemetry"

// usage bounds the labels of metrics that clients choose.
func (c *config) usage() telemetry.Options {
	o := telemetry.Options{MaxUsers: c.MetricsUsers}
	if o.MaxUsers == 0 {
		o.MaxUsers = -1 // none
	}
	return o
}

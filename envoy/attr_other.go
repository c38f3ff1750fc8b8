//go:build !linux

package envoy

import "syscall"

// childAttr puts Envoy in its own process group. Only Linux can also promise
// that Envoy dies with a parent that was killed.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

package envoy

import "syscall"

// childAttr puts Envoy in its own process group, so that a Ctrl-C in the
// terminal reaches only the parent, which drains; and has the kernel kill Envoy
// when the parent is gone, however it went.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

package event

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrFull is why Intent refuses when the spool or its disk has no room left.
// Finals still go in: they end what was let through before.
var ErrFull = errors.New("event spool is full")

// lockDir opens dir and makes sure that no other process uses it: two would
// deliver and delete each other's segments.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open spool directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("spool directory %s is in use by another process: %w", dir, err), f.Close())
	}
	return f, nil
}

// nearlyFull reports whether the file system of dir is 95 % full, but not while
// it has 1 GiB left.
func nearlyFull(dir string) bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return false // writing will tell
	}
	free := st.Bavail * uint64(st.Bsize)
	return free < 1<<30 && st.Bavail < st.Blocks/20
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpu returns the processor time that t's processes have used so far.
func cpu(t target) (envoy, processor time.Duration, err error) {
	if envoy, err = cpuOf(t.envoy); err != nil {
		return 0, 0, err
	}
	if t.processor != 0 {
		processor, err = cpuOf(t.processor)
	}
	return envoy, processor, err
}

// cpuOf sums the scheduler's nanoseconds over a process's threads: finer than
// the clock ticks of /proc/pid/stat. Source: proc(5), schedstat.
func cpuOf(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("no schedstat for process %d: %w", pid, err)
	}
	var total time.Duration
	for _, path := range tasks {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the thread ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// rss is a process's resident memory in MiB.
func rss(pid int) float64 {
	if pid == 0 {
		return 0
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(kib), " kB"), 64)
			return n / 1024
		}
	}
	return 0
}

// childOf finds the process called name whose parent is pid.
func childOf(pid int, name string) (int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		text := string(b)
		open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
		if open < 0 || end < 0 || !strings.Contains(text[open:end], name) {
			continue
		}
		if fields := strings.Fields(text[end+1:]); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			return strconv.Atoi(strings.Fields(text)[0])
		}
	}
	return 0, fmt.Errorf("process %d has no child called %s", pid, name)
}

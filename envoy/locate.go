package envoy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Oldest Envoy whose external processing filter does what the gateway needs.
const (
	minMajor = 1
	minMinor = 40
)

// NotFoundError says that no usable Envoy was found, what was tried, and what
// to do about it.
type NotFoundError struct {
	Tried []string // one line a candidate: where, and why it would not do
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no Envoy %d.%d or newer found (%s); run `make envoy` to install the pinned %s, "+
		"or name a binary with --envoy-path or ENVOY_PATH",
		minMajor, minMinor, strings.Join(e.Tried, "; "), PinnedVersion())
}

// Locate finds the Envoy binary to run and its version ("1.40.0"). An explicit
// path is the only candidate when it is given; else `envoy` on PATH, then the
// project's virtual environment (.venv/bin/envoy) in the working directory or
// beside the directory of the running program. A candidate that is missing, does
// not answer --version, or is too old is passed over. The error is a
// *NotFoundError.
func Locate(ctx context.Context, explicit string) (path, version string, err error) {
	var tried []string
	for _, candidate := range candidates(explicit) {
		found, err := exec.LookPath(candidate)
		if err != nil {
			tried = append(tried, fmt.Sprintf("%s: %v", candidate, plainReason(err)))
			continue
		}
		version, err := Version(ctx, found)
		if err != nil {
			tried = append(tried, fmt.Sprintf("%s: %v", found, err))
			continue
		}
		if !recent(version) {
			tried = append(tried, fmt.Sprintf("%s: version %s is too old", found, version))
			continue
		}
		found, err = filepath.Abs(found)
		if err != nil {
			return "", "", fmt.Errorf("locate envoy: %w", err)
		}
		return found, version, nil
	}
	return "", "", &NotFoundError{Tried: tried}
}

func candidates(explicit string) []string {
	if explicit != "" {
		if !strings.ContainsRune(explicit, filepath.Separator) {
			explicit = "." + string(filepath.Separator) + explicit // a path, not a name to look up
		}
		return []string{explicit}
	}
	const local = ".venv/bin/envoy"
	list := []string{"envoy", "./" + local}
	if exe, err := os.Executable(); err == nil {
		list = append(list, filepath.Join(filepath.Dir(filepath.Dir(exe)), local))
	}
	return list
}

// plainReason drops exec's wrapping, which repeats the name.
func plainReason(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// An answer looks like "envoy  version: 9e55…/1.40.0/Clean/RELEASE/BoringSSL".
var versionPattern = regexp.MustCompile(`version: [0-9a-fA-F]+/(\d+\.\d+\.\d+[^/\s]*)/`)

// Version asks the binary at path for its version, for instance "1.40.0".
func Version(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version") //nolint:gosec // the operator names the binary
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("--version: %w", err)
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return "", errors.New("--version does not answer like Envoy")
	}
	return string(m[1]), nil
}

func recent(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return false
	}
	return major > minMajor || major == minMajor && minor >= minMinor
}

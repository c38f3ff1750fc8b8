package token_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pkoukk/tiktoken-go-loader/assets"

	"github.com/bricks-gateway/bricks/internal/token"
)

// models has one model for each encoding.
var models = map[token.Encoding]string{token.O200kBase: "gpt-4o", token.CL100kBase: "gpt-4"}

// oracle is OpenAI's tiktoken, run by BRICKS_TEST_PYTHON.
type oracle struct {
	t   testing.TB
	in  *json.Encoder
	out *bufio.Scanner
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	python := os.Getenv("BRICKS_TEST_PYTHON")
	if python == "" {
		t.Skip("set BRICKS_TEST_PYTHON to a Python that has tiktoken")
	}
	dir := t.TempDir()
	for e := range models {
		file, err := assets.Assets.ReadFile(string(e) + ".tiktoken")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, string(e)+".tiktoken"), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), python, "testdata/oracle.py", dir)
	c.Stderr = os.Stderr
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = c.Wait()
	})
	return &oracle{t, json.NewEncoder(stdin), bufio.NewScanner(stdout)}
}

func (o *oracle) ask(kind string, e token.Encoding, value any) []byte {
	o.t.Helper()
	if err := o.in.Encode([]any{kind, e, value}); err != nil {
		o.t.Fatal(err)
	}
	if !o.out.Scan() {
		o.t.Fatalf("the oracle ended: %v", o.out.Err())
	}
	return o.out.Bytes()
}

func (o *oracle) count(kind string, e token.Encoding, value any) int64 {
	o.t.Helper()
	n, err := strconv.ParseInt(string(o.ask(kind, e, value)), 10, 64)
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

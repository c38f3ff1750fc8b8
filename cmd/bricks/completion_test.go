package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// completions are command lines, and what may stand at their end.
var completions = []struct {
	line string
	want []string // what must be among the proposals
	not  []string // what must not
}{
	{"bricks ke", []string{"keys"}, []string{"users"}},
	{"bricks keys ", []string{"list", "get", "create", "update", "delete", "rotate"}, []string{"keys"}},
	{"bricks policy ", []string{"list", "scan", "test"}, nil},
	{"bricks pricing overrides l", []string{"list"}, nil},
	{"bricks pricing policy ", []string{"deny", "allow"}, nil},
	{"bricks completion ", []string{"bash", "zsh", "fish"}, nil},
	{"bricks keys list -o ", []string{"table", "json"}, []string{"list"}},
	{"bricks --admin-url http://127.0.0.1:1 keys list --t", []string{"--tag"}, []string{"--all"}},
	{"bricks keys create --", []string{"--name", "--cost-limit", "--admin-url", "--file"}, []string{"--proxy-address", "--data-dir"}},
	{"bricks up --proxy-a", []string{"--proxy-address"}, nil},
}

// TestCompletion completes in real shells, through the script that the program
// prints for each. Nothing listens where ADMIN_URL points to.
func TestCompletion(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the program for every word, which is slow under the race detector")
	}
	dir := program(t)
	for shell, ask := range map[string]string{
		"bash": `eval "$(bricks completion bash)"
complete -p bricks | grep -q -- "-F _bricks bricks" || exit 9
COMP_LINE=$1; read -ra COMP_WORDS <<<"$1"; [[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_bricks; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `compdef() { [[ $1 == _bricks && $2 == bricks ]] || exit 9 }
compadd() { printf '%s\n' $found }
_files() { }
eval "$(bricks completion zsh)"
words=("${(@s: :)1}"); CURRENT=$#words
_bricks`,
		"fish": `bricks completion fish | source
complete -C "$argv[1]"`,
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("no %s to test with", shell)
			}
			for _, c := range completions {
				args := []string{"-c", ask, "-", c.line}
				if shell == "fish" {
					args = []string{"-N", "-c", ask, c.line}
				}
				cmd := exec.CommandContext(t.Context(), shell, args...)
				cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir, "ADMIN_URL=http://127.0.0.1:1")
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%s: %v", c.line, err)
				}
				got := strings.Fields(string(out))
				for _, want := range c.want {
					if !slices.Contains(got, want) {
						t.Errorf("%q: %s is not among %s", c.line, want, got)
					}
				}
				for _, not := range c.not {
					if slices.Contains(got, not) {
						t.Errorf("%q: %s is among %s", c.line, not, got)
					}
				}
			}
		})
	}
}

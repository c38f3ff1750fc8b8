package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Completion prints what a shell needs to complete commands and flags.
type Completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// CompleteCommand is the first argument of a call by a shell; the words of the
// command line follow it, the one to complete last.
const CompleteCommand = "__complete"

// The shells ask the program itself, as it was called, and complete files where it
// knows nothing.
var completionScripts = map[string]string{
	"bash": `_bricks() {
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]}" ` + CompleteCommand + ` "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _bricks bricks
`,
	"zsh": `#compdef bricks
_bricks() {
  local -a found
  found=("${(@f)$("$words[1]" ` + CompleteCommand + ` "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found[1]" ]]; then compadd -a found; else _files; fi
}
compdef _bricks bricks
`,
	"fish": `function __bricks_complete
  set -l words (commandline -opc)
  $words[1] ` + CompleteCommand + ` $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c bricks -a '(__bricks_complete)'
`,
}

// Print writes the script for the shell.
func (c Completion) Print(w io.Writer) error {
	_, err := io.WriteString(w, completionScripts[c.Shell])
	return err
}

// Complete writes what the last of words may become, a line each. It looks at
// nothing but the command line's own description.
func Complete(app *kong.Application, words []string, w io.Writer) error {
	if len(words) == 0 {
		words = []string{""}
	}
	// bash takes --flag=value apart.
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "=" })
	node, waiting := app.Node, (*kong.Flag)(nil)
	for _, word := range words[:len(words)-1] {
		switch {
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(word, "-"):
			waiting = takesValue(node, word)
		default:
			if child := childOf(node, word); child != nil {
				node = child
			}
		}
	}
	last := words[len(words)-1]
	var candidates []string
	switch {
	case waiting != nil:
		candidates = waiting.EnumSlice()
	case strings.HasPrefix(last, "-"):
		candidates = flagsOf(node)
	default:
		candidates = childrenOf(node)
	}
	for _, c := range candidates {
		if c != "" && strings.HasPrefix(c, last) {
			if _, err := fmt.Fprintln(w, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func childOf(n *kong.Node, name string) *kong.Node {
	for _, child := range n.Children {
		if child.Name == name || slices.Contains(child.Aliases, name) {
			return child
		}
	}
	return nil
}

// childrenOf are the words that may follow: commands, or the values of an argument.
func childrenOf(n *kong.Node) (names []string) {
	for _, child := range n.Children {
		if !child.Hidden {
			names = append(names, child.Name)
		}
	}
	for _, p := range n.Positional {
		if p.Enum != "" {
			names = append(names, p.EnumSlice()...)
		}
	}
	return names
}

func flagsOf(n *kong.Node) (names []string) {
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if Shown(n, f) {
				names = append(names, "--"+f.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// takesValue returns the flag that word is, if the next word is its value.
func takesValue(n *kong.Node, word string) *kong.Flag {
	if strings.Contains(word, "=") {
		return nil
	}
	for _, group := range n.AllFlags(false) {
		for _, f := range group {
			if ("--"+f.Name == word || f.Short != 0 && "-"+string(f.Short) == word) && !f.IsBool() {
				return f
			}
		}
	}
	return nil
}

// forTools are the program's own flags that a command of this package has a use for.
var forTools = []string{"help", "admin-key", "admin-url", "admin-ca"}

// Shown says whether a command's help names a flag: those of the servers are
// nothing to a tool that calls one.
func Shown(n *kong.Node, f *kong.Flag) bool {
	if f.Hidden || n == nil || n.Parent == nil {
		return !f.Hidden
	}
	root := n
	for root.Parent != nil {
		root = root.Parent
	}
	if !slices.Contains(root.Flags, f) || slices.Contains(forTools, f.Name) {
		return true
	}
	return !calls(n) && !calls(n.Parent)
}

// calls says whether a node, or a command below it, calls the admin API.
func calls(n *kong.Node) bool {
	if n.Parent == nil {
		return false
	}
	return IsCommand(n) || slices.ContainsFunc(n.Children, calls)
}

// IsCommand says whether a node is a command of this package: one that runs by
// itself.
func IsCommand(n *kong.Node) bool {
	return n.Target.IsValid() && n.Target.CanAddr() && n.Target.Addr().MethodByName("Run").IsValid()
}

package main

import (
	_ "embed" // the text
	"fmt"
	"strings"
	"text/template"
)

// demoSteps is what to try. A line that begins with > says what the command
// above it prints; a test runs all of them.
//
//go:embed demo.txt
var demoSteps string

func demoText(s sample) (string, error) {
	t, err := template.New("demo").Parse(demoSteps)
	if err != nil {
		return "", fmt.Errorf("demo's text: %w", err)
	}
	var text strings.Builder
	if err := t.Execute(&text, s); err != nil {
		return "", fmt.Errorf("demo's text: %w", err)
	}
	return text.String(), nil
}

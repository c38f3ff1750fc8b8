package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// column is one of a table: what stands above it, and what it says of an object.
type column[T any] struct {
	title string
	cell  func(T) any
}

// moment is a time in Unix seconds. A table says how far it is from now, and one
// object alone has it in full.
type moment int64

// at is the moment of an answer's optional member; nil: none.
func at(seconds *int64) moment {
	if seconds == nil {
		return 0
	}
	return moment(*seconds)
}

// milliseconds is a length of time.
type milliseconds int64

// dollars is money, exact as the API spells it.
type dollars json.Number

// either is an optional text; nil: none.
func either[T any](v *T) any {
	if v == nil {
		return ""
	}
	return *v
}

// cellText spells a cell, whole or as short as a table wants it. What is not there
// is a dash.
func cellText(value any, now time.Time, whole bool) string {
	text := ""
	switch v := value.(type) {
	case moment:
		switch {
		case v == 0:
		case whole:
			text = time.Unix(int64(v), 0).UTC().Format(time.RFC3339)
		default:
			text = distance(time.Unix(int64(v), 0).Sub(now))
		}
	case milliseconds:
		text = (time.Duration(v) * time.Millisecond).String()
	case dollars:
		if v != "" {
			text = "$" + string(v)
		}
	case bool:
		text = "no"
		if v {
			text = "yes"
		}
	case []string:
		text = strings.Join(v, ",")
	default:
		text = fmt.Sprint(v)
	}
	text = Printable(text)
	if !whole {
		text = short(text)
	}
	if text == "" {
		return "-"
	}
	return text
}

// short keeps a column from pushing the others out of sight; -o json has it all.
func short(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// distance says how far from now a time is: 5m ago, in 3d.
func distance(d time.Duration) string {
	ago := d <= 0
	seconds := math.Abs(d.Seconds())
	text := fmt.Sprintf("%.0fs", seconds)
	for _, u := range []struct {
		seconds float64
		unit    string
	}{{86400, "d"}, {3600, "h"}, {60, "m"}} {
		if seconds >= 2*u.seconds {
			text = fmt.Sprintf("%.0f%s", math.Round(seconds/u.seconds), u.unit)
			break
		}
	}
	if ago {
		return text + " ago"
	}
	return "in " + text
}

// Printable takes what would move a terminal's cursor out of a text that a client
// chose.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// field is a line of an object that is shown alone.
type field struct{ name, text string }

func rowsOf[T any](k *kind[T], object *T, now time.Time) []field {
	var fields []field
	for _, c := range slices.Concat(k.columns, k.details) {
		fields = append(fields, field{strings.ToLower(c.title), cellText(c.cell(*object), now, true)})
	}
	return fields
}

// printOne writes one object, a line for each of its fields that is not empty.
func (e *Env) printOne(fields []field) error {
	table := tabwriter.NewWriter(e.Stdout, 0, 4, 2, ' ', 0)
	for _, f := range fields {
		if f.text != "-" {
			fmt.Fprintf(table, "%s:\t%s\n", f.name, f.text)
		}
	}
	return table.Flush()
}

// printTable writes objects as rows below the columns' titles.
func printTable[T any](e *Env, columns []column[T], objects []T) error {
	table := tabwriter.NewWriter(e.Stdout, 0, 4, 2, ' ', 0)
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.title
	}
	fmt.Fprintln(table, strings.Join(cells, "\t"))
	now := e.Now()
	for _, o := range objects {
		for i, c := range columns {
			cells[i] = cellText(c.cell(o), now, false)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

package store

import "strings"

// table is where rows are written in bulk.
type table struct {
	name     string
	columns  []string
	kinds    []string // PostgreSQL's types of the columns
	conflict string   // ON CONFLICT …
}

func (t table) insertInto() string {
	return "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") "
}

// raising adds what a row in the way of another one was to be.
func raising(table string, columns ...string) string {
	raise := make([]string, len(columns))
	for i, c := range columns {
		raise[i] = c + " = " + table + "." + c + " + excluded." + c
	}
	return strings.Join(raise, ", ")
}

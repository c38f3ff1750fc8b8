package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// dialect is what the two databases spell differently.
type dialect struct {
	goose      goose.Dialect
	numbered   bool               // placeholders are $1, $2, … instead of ?
	jsonArray  string             // aggregate that makes a JSON array
	find       string             // function: position of the second text in the first, 0 when absent
	containing string             // condition: JSON array column %s holds all elements of the JSON array ?
	among      string             // condition: column %s is among the elements of the JSON array ?
	overlap    string             // condition: JSON array column %s holds an element of the JSON array ?
	snapshot   sql.IsolationLevel // of a transaction whose statements all see one moment
	report     string             // statement before long reads in a transaction; empty for none
	notify     string             // statement that wakes listeners on commit; empty for none
}

var sqliteDialect = dialect{
	goose:      goose.DialectSQLite3,
	jsonArray:  "json_group_array",
	find:       "instr",
	containing: "NOT EXISTS (SELECT value FROM json_each(?) EXCEPT SELECT value FROM json_each(%s))",
	among:      "%s IN (SELECT value FROM json_each(?))",
	overlap:    "EXISTS (SELECT value FROM json_each(%s) INTERSECT SELECT value FROM json_each(?))",
}

var postgresDialect = dialect{
	goose:      goose.DialectPostgres,
	numbered:   true,
	jsonArray:  "json_agg",
	find:       "strpos",
	containing: "%s::jsonb @> CAST(? AS jsonb)",
	among:      "%s = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(? AS jsonb))))",
	overlap:    "EXISTS (SELECT jsonb_array_elements_text(%s::jsonb) INTERSECT SELECT jsonb_array_elements_text(CAST(? AS jsonb)))",
	snapshot:   sql.LevelRepeatableRead,
	// To compile a query takes longer than to run it, and groups that spill to disk
	// longer still.
	report: "SELECT set_config('jit', 'off', true), set_config('work_mem', '64MB', true)",
	notify: "SELECT pg_notify('" + channel + "', '')",
}

// rebind turns ? into the database's placeholders. No statement in this package
// has a question mark for anything else.
func (d dialect) rebind(query string) string {
	if !d.numbered {
		return query
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}

// conditions builds a WHERE clause of conditions that must all hold.
type conditions struct {
	dialect dialect
	terms   []string
	args    []any
}

func (c *conditions) add(term string, args ...any) {
	c.terms = append(c.terms, term)
	c.args = append(c.args, args...)
}

// among asks for column to be one of values; an empty list filters nothing.
func (c *conditions) among(column string, values []string) {
	if len(values) > 0 {
		c.add(fmt.Sprintf(c.dialect.among, column), list(values))
	}
}

// given is among for ids that clients may leave out: their indexes have none of
// the empty ones, and the databases use them only when told so.
func (c *conditions) given(column string, values []string) {
	c.among(column, values)
	if len(values) > 0 && !slices.Contains(values, "") {
		c.add(column + " <> ''")
	}
}

// containing asks for the JSON array in column to hold all of values.
func (c *conditions) containing(column string, values []string) {
	if len(values) > 0 {
		c.add(fmt.Sprintf(c.dialect.containing, column), list(values))
	}
}

// overlapping is the condition that the JSON array in column holds an element
// of the JSON array that is its argument.
func (c *conditions) overlapping(column string) string { return fmt.Sprintf(c.dialect.overlap, column) }

func (c *conditions) where() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// list is a list of texts as it is kept and asked for: a JSON array. Neither
// database takes a NUL or broken UTF-8 in a JSON text, so they are replaced.
func list(values []string) string {
	if len(values) == 0 {
		return "[]"
	}
	clean := make([]string, len(values))
	for i, v := range values {
		clean[i] = text(v)
	}
	return asJSON(clean)
}

// text makes s fit for a TEXT column of PostgreSQL, which refuses NUL and
// broken UTF-8. SQLite would take both; one behaviour is worth more.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func asJSON(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic("store: encode a plain value: " + err.Error()) // only strings and structs of strings come here
	}
	return string(encoded)
}

// jsonColumn scans a JSON text into a value; "[]" and "{}" leave nil.
type jsonColumn struct{ into any }

// Scan implements sql.Scanner.
func (c jsonColumn) Scan(src any) error {
	var raw []byte
	switch v := src.(type) {
	case string:
		raw = []byte(v)
	case []byte:
		raw = v
	default:
		return fmt.Errorf("JSON column is a %T", src)
	}
	if s := string(raw); s == "[]" || s == "{}" {
		return nil
	}
	return json.Unmarshal(raw, c.into)
}

// limitOffset ends a query; limit 0 means all.
func limitOffset(limit, offset int) (string, error) {
	if limit < 0 || offset < 0 {
		return "", &gateway.Error{Kind: gateway.Invalid, Message: "limit and offset must not be negative"}
	}
	rows := int64(limit)
	if limit == 0 {
		rows = 1<<63 - 1 // SQLite knows OFFSET only after LIMIT
	}
	return fmt.Sprintf(" LIMIT %d OFFSET %d", rows, offset), nil
}

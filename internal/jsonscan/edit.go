package jsonscan

// InsertFirst returns data with the member `name: value` put in front of the
// object's other members; name and value are raw JSON. Every other byte stays
// as it is. data must hold an object.
func InsertFirst(data []byte, name, value string) []byte {
	open := skipSpace(data, 0)
	rest := data[open+1:]
	empty := false
	if i := skipSpace(rest, 0); i < len(rest) && rest[i] == '}' {
		empty = true
	}
	out := make([]byte, 0, len(data)+len(name)+len(value)+2)
	out = append(out, data[:open+1]...)
	out = append(out, name...)
	out = append(out, ':')
	out = append(out, value...)
	if !empty {
		out = append(out, ',')
	}
	return append(out, rest...)
}

// Replace returns data with the bytes of m's value replaced by value.
func Replace(data []byte, m Member, value []byte) []byte {
	out := make([]byte, 0, len(data)-len(m.Value)+len(value))
	out = append(out, data[:m.At]...)
	out = append(out, value...)
	return append(out, data[m.End():]...)
}

// Remove returns data without m and the one comma that belonged to it.
func Remove(data []byte, m Member) []byte {
	start, end := m.Start, m.End()
	if i := skipSpace(data, end); i < len(data) && data[i] == ',' {
		// The white space behind the comma goes too, so that what stood in
		// front of m now stands in front of its successor.
		end = skipSpace(data, i+1)
	} else {
		i := start - 1
		for i >= 0 && isSpace(data[i]) {
			i--
		}
		if i >= 0 && data[i] == ',' {
			start = i
		}
	}
	out := make([]byte, 0, len(data)-(end-start))
	out = append(out, data[:start]...)
	return append(out, data[end:]...)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

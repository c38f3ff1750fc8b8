package event

import "os"

// Events counts the ids whose end a segment with these bytes tells or lacks.
func Events(data []byte, s [8]byte) int {
	records, _, _ := readRecords(data, s)
	open, finals := map[string]bool{}, map[string]bool{}
	n := 0
	for _, r := range records {
		switch {
		case r.kind == kindFinal:
			n++
			finals[r.event.ID] = true
			delete(open, r.event.ID)
		case r.kind == kindIntent && !finals[r.event.ID]:
			open[r.event.ID] = true
		}
	}
	return n + len(open)
}

// BreakDisk makes every write fail until the function that it returns is called.
func (s *Spool) BreakDisk() (repair func(), err error) {
	broken, err := os.Open(os.DevNull) // not open for writing
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	good := s.current.file
	s.current.file = broken
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.current.file = good
	}, nil
}

// Unsynced counts the segments with records that are not forced to disk.
func (s *Spool) Unsynced() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unsynced)
}

// Account is how many of the bytes are records, torn and damaged.
func Account(data []byte, s [8]byte) (records, torn, damaged int) {
	all, torn, damaged := readRecords(data, s)
	for _, r := range all {
		records += int(r.length)
	}
	return records, torn, damaged
}

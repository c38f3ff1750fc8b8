package event_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/event"
)

// FuzzReadRecords: every byte is a record, torn or damaged, and none is two.
func FuzzReadRecords(f *testing.F) {
	f.Add([]byte("saltsalt\x05\x00\x00\x00abcdfhello"))
	f.Add([]byte("saltsaltsaltsalt\xff\xff\xff\xff"))
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, torn, damaged := event.Account(data, [8]byte([]byte("saltsalt")))
		if records+torn+damaged != len(data) {
			t.Errorf("%d + %d + %d bytes of %d", records, torn, damaged, len(data))
		}
	})
}

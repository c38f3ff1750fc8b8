package passage

import "testing"

// FuzzOffsets compares with a text that is spread out to code points.
func FuzzOffsets(f *testing.F) {
	f.Add("plain", 1, 3)
	f.Add("👩‍👩‍👧 李小龙 e\u0301", 2, 9)
	f.Add("\xffa\xfe\xf0\x9f", 1, 4)
	f.Fuzz(func(t *testing.T, text string, start, end int) {
		var bytes []int // where each code point starts, then the end
		for at := range text {
			bytes = append(bytes, at)
		}
		bytes = append(bytes, len(text))
		from, to, ok := NewOffsets(text).Bytes(start, end)
		want := start >= 0 && start <= end && end < len(bytes)
		if ok != want || ok && (from != bytes[start] || to != bytes[end]) {
			t.Errorf("Bytes(%d, %d) of %q = %d, %d, %v", start, end, text, from, to, ok)
		}
	})
}

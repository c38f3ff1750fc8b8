package processor

import (
	"bytes"
	"encoding/binary"
)

// audio is how long a recording is, in milliseconds: at most, and probably.
type audio struct{ most, likely int64 }

// Bytes that a second of compressed audio has at least (the lowest rate of
// speech codecs, 6 kbit/s) and usually (128 kbit/s).
const (
	leastRate = 750
	usualRate = 16_000
)

// measureAudio reads the length of plain WAV from its header and derives that of
// anything else from its size.
func measureAudio(file []byte) audio {
	size := int64(len(file))
	if rate := wavRate(file); rate > 0 {
		ms := (size*1000 + rate - 1) / rate
		return audio{ms, ms}
	}
	return audio{size * 1000 / leastRate, size * 1000 / usualRate}
}

// wavRate is the bytes a second of uncompressed WAV, 0 for anything else. The
// header's own byte rate is not believed: it changes nothing in how the samples
// are played.
func wavRate(file []byte) int64 {
	if len(file) < 12 || !bytes.Equal(file[:4], []byte("RIFF")) || !bytes.Equal(file[8:12], []byte("WAVE")) {
		return 0
	}
	for at := 12; at+8 <= len(file); {
		size := int(binary.LittleEndian.Uint32(file[at+4:]))
		data := file[at+8:]
		if bytes.Equal(file[at:at+4], []byte("fmt ")) && size >= 16 && len(data) >= 16 {
			const pcm = 1
			if binary.LittleEndian.Uint16(data) != pcm {
				return 0
			}
			channels, bits := int64(binary.LittleEndian.Uint16(data[2:])), int64(binary.LittleEndian.Uint16(data[14:]))
			return int64(binary.LittleEndian.Uint32(data[4:])) * channels * bits / 8
		}
		if size < 0 || size > len(data) {
			return 0
		}
		at += 8 + size + size%2
	}
	return 0
}

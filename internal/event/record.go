package event

import (
	"encoding/binary"
	"hash/crc32"

	"google.golang.org/protobuf/proto"

	"github.com/bricks-gateway/bricks/internal/gateway"
	eventv1 "github.com/bricks-gateway/bricks/proto/event/v1"
)

// A record is: length of what follows the checksum (4 bytes, little endian),
// CRC-32C of the same (4 bytes), kind (1 byte), an Event as protobuf.
const (
	headerSize = 8
	maxRecord  = 16 << 20

	kindIntent = 'i'
	kindFinal  = 'f'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord encodes e behind buf.
func appendRecord(buf []byte, kind byte, e *gateway.Event) ([]byte, error) {
	start := len(buf)
	buf = append(buf, make([]byte, headerSize)...)
	buf = append(buf, kind)
	buf, err := proto.MarshalOptions{}.MarshalAppend(buf, toProto(e))
	if err != nil {
		return buf[:start], err
	}
	payload := buf[start+headerSize:]
	binary.LittleEndian.PutUint32(buf[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(buf[start+4:], crc32.Checksum(payload, castagnoli))
	return buf, nil
}

// record is one decoded record of a segment.
type record struct {
	kind  byte
	event *gateway.Event
}

// readRecords decodes what a segment holds. A record that does not check out is
// skipped byte by byte until one does: what stands behind damage is still
// delivered. torn is the number of bytes at the end that are no whole record,
// damaged the number of bytes in front of a good record that are none.
func readRecords(data []byte) (records []record, torn, damaged int) {
	skipped := 0
	for at := 0; at < len(data); {
		r, size, ok := decode(data[at:])
		if !ok {
			skipped++
			at++
			continue
		}
		damaged += skipped
		skipped = 0
		records = append(records, r)
		at += size
	}
	return records, skipped, damaged
}

func decode(data []byte) (r record, size int, ok bool) {
	if len(data) < headerSize+1 {
		return r, 0, false
	}
	length := int(binary.LittleEndian.Uint32(data))
	if length < 1 || length > maxRecord || length > len(data)-headerSize {
		return r, 0, false
	}
	payload := data[headerSize : headerSize+length]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(data[4:]) {
		return r, 0, false
	}
	var p eventv1.Event
	if proto.Unmarshal(payload[1:], &p) != nil || p.Id == "" {
		return r, 0, false
	}
	return record{payload[0], fromProto(&p)}, headerSize + length, true
}

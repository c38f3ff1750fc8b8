package event

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"google.golang.org/protobuf/proto"

	"github.com/bricks-gateway/bricks/internal/gateway"
	eventv1 "github.com/bricks-gateway/bricks/proto/event/v1"
)

// A record is: the segment's salt (8 bytes), length of what follows the
// checksum (4 bytes, little endian), CRC-32C of the same (4 bytes), kind
// (1 byte), an Event as protobuf.
//
// The salt marks where records begin. It is random, so that a request body
// that holds the bytes of a record is never taken for one, and reading behind
// damage is one search instead of a checksum at every offset.
const (
	saltSize   = 8
	headerSize = saltSize + 8
	maxRecord  = 64 << 20

	kindIntent = 'i'
	kindFinal  = 'f'
)

type salt [saltSize]byte

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errTooLarge = errors.New("event is larger than a record may be")

// appendRecord encodes e behind buf, which is empty. The salt is left to the
// one who knows the segment: see stamp.
func appendRecord(buf []byte, kind byte, e *gateway.Event) ([]byte, error) {
	var header [headerSize]byte
	buf = append(append(buf, header[:]...), kind)
	buf, err := proto.MarshalOptions{}.MarshalAppend(buf, toProto(e))
	if err != nil {
		return buf[:0], err
	}
	payload := buf[headerSize:]
	if len(payload) > maxRecord {
		return buf[:0], errTooLarge
	}
	binary.LittleEndian.PutUint32(buf[saltSize:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(buf[saltSize+4:], crc32.Checksum(payload, castagnoli))
	return buf, nil
}

func stamp(record []byte, s salt) { copy(record, s[:]) }

// record is one decoded record of a segment.
type record struct {
	kind   byte
	event  *gateway.Event
	at     int64
	length int64
}

// readRecords decodes what a segment holds. What stands behind damage is found
// by its salt and still delivered. torn is the number of bytes at the end that
// are the beginning of a record, or zeros that a power cut left; damaged the
// number of all other bytes that are no record.
func readRecords(data []byte, s salt) (records []record, torn, damaged int) {
	at, good := 0, 0 // good: the end of the last record
	for {
		next := bytes.Index(data[at:], s[:])
		if next < 0 {
			break
		}
		at += next
		r, ok := decode(data[at:], s)
		if !ok {
			at++
			continue
		}
		damaged += at - good
		r.at = int64(at)
		records = append(records, r)
		at += int(r.length)
		good = at
	}
	rest := data[good:]
	if isTorn(rest, s) {
		return records, len(rest), damaged
	}
	return records, 0, damaged + len(rest)
}

// isTorn reports whether rest is what an interrupted write leaves.
func isTorn(rest []byte, s salt) bool {
	if len(bytes.Trim(rest, "\x00")) == 0 {
		return true
	}
	if len(rest) < saltSize {
		return bytes.HasPrefix(s[:], rest)
	}
	if !bytes.HasPrefix(rest, s[:]) {
		return false
	}
	return len(rest) < headerSize || int64(binary.LittleEndian.Uint32(rest[saltSize:])) > int64(len(rest)-headerSize)
}

// decode reads the record that data begins with.
func decode(data []byte, s salt) (r record, ok bool) {
	if len(data) < headerSize+1 || !bytes.HasPrefix(data, s[:]) {
		return r, false
	}
	length := int64(binary.LittleEndian.Uint32(data[saltSize:]))
	if length < 1 || length > maxRecord || length > int64(len(data)-headerSize) {
		return r, false
	}
	payload := data[headerSize : headerSize+length]
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(data[saltSize+4:]) {
		return r, false
	}
	var p eventv1.Event
	if proto.Unmarshal(payload[1:], &p) != nil || p.Id == "" {
		return r, false
	}
	return record{kind: payload[0], event: fromProto(&p), length: headerSize + length}, true
}

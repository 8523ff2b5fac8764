package badgerstore

import (
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// The fuzz targets of what record_test.go has none for.

func FuzzGate(f *testing.F) {
	full := encodeGate(webhook.GateState{OpenUntil: time.UnixMicro(1_750_000_000_000_000).UTC(), Openings: 7})
	f.Add(full)
	f.Add(full[:len(full)-1])
	f.Add([]byte{recordVersion, 0, 0})
	f.Fuzz(func(t *testing.T, record []byte) {
		roundTrips(t, record, decodeGate, func(g *webhook.GateState) []byte { return encodeGate(*g) })
	})
}

// FuzzEventParts: what is read of an event without the rest of it is as in the whole.
func FuzzEventParts(f *testing.F) {
	e := someEvent()
	f.Add(encodeEvent(&e))
	f.Add(encodeEvent(&e)[:12])
	f.Fuzz(func(t *testing.T, record []byte) {
		whole, err := decodeEvent(someID, record)
		eventType, err1 := decodeEventType(record)
		endpoints, err2 := decodeEndpoints(record)
		if err != nil {
			return // a part before the damage can be read
		}
		if err1 != nil || eventType != whole.Type || err2 != nil || len(endpoints) != fanOut(&whole) {
			t.Fatalf("%q, %v and %v, %v; whole %+v", eventType, err1, endpoints, err2, whole)
		}
	})
}

// FuzzLog: of a log that was cut off or changed anywhere, the check reads no
// further than it goes, and finds whole transactions only where their checksums hold.
func FuzzLog(f *testing.F) {
	log := make([]byte, logHeaderSize)
	for range 3 {
		log = appendLogEntry(log, 0, []byte("key"), []byte("value"))
		log = appendLogEntry(log, markerBit, markerKey, []byte("1"))
	}
	f.Add(log, 0)
	f.Add(log[:len(log)-7], 40)
	f.Add(append(log, make([]byte, 100)...), 21)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		end, whole := logEnd(text)
		if whole > end || end > len(text) || whole < min(logHeaderSize, len(text)) {
			t.Fatalf("end %d, whole %d of %d", end, whole, len(text))
		}
		if again, _ := logEnd(text[:end]); again != end {
			t.Fatalf("what can be read ends at %d, and of that %d", end, again)
		}
		if size, _ := entrySize(text[end:]); size != 0 && end >= logHeaderSize {
			t.Fatalf("an entry of %d bytes follows the end", size)
		}
		if at < 0 || at >= whole || at < logHeaderSize {
			return
		}
		before := countMarkers(text)
		changed := append([]byte(nil), text...)
		changed[at] ^= 0x10
		shorter, _ := logEnd(changed)
		if shorter > at && changed[at] != text[at] {
			t.Fatalf("byte %d was changed and is read: up to %d", at, shorter)
		}
		if after := countMarkers(changed[shorter:]); after > before {
			t.Fatalf("%d transactions after the damage, of %d", after, before)
		}
	})
}

// appendLogEntry writes an entry as Badger does.
func appendLogEntry(log []byte, meta byte, key, value []byte) []byte {
	start := len(log)
	log = append(log, meta, 0)
	for _, n := range []int{len(key), len(value), 0} {
		log = binary.AppendUvarint(log, uint64(n))
	}
	log = append(append(log, key...), value...)
	return binary.BigEndian.AppendUint32(log, crc32.Checksum(log[start:], castagnoli))
}

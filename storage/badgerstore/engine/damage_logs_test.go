package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// TestLogDamage: what is refused in a log, and what a torn last transaction may look
// like. The log has three transactions of one entry each.
func TestLogDamage(t *testing.T) {
	for _, log := range [][]byte{make([]byte, logHeaderSize), seededHeader("first")} {
		testLogDamage(t, log)
	}
}

func testLogDamage(t *testing.T, log []byte) {
	t.Helper()
	header := bytes.Clone(log)
	var ends []int
	for range 3 {
		log = appendLogEntry(log, 0, []byte("key"), []byte("value"))
		log = appendLogEntry(log, markerBit, markerKey, []byte("1"))
		ends = append(ends, len(log))
	}
	full := func(text []byte) []byte { return append(bytes.Clone(text), make([]byte, logSize-len(text))...) }
	flipped := func(at int) []byte { text := full(log); text[at] ^= 1; return text }
	for _, c := range []struct {
		reason       string
		text         []byte
		damaged      bool
		transactions int
	}{
		{"whole, with its zeros", full(log), false, 3},
		{"whole, cut to its content", log, false, 3},
		{"the last transaction is torn", full(log[:ends[2]-4]), false, 2},
		{"the last transaction has a damaged entry: it may be torn", flipped(ends[1] + 3), false, 2},
		{"one before the last has a damaged entry", flipped(ends[0] + 3), true, 0},
		{"the first has a damaged entry", flipped(logHeaderSize + 3), true, 0},
		{"cut off within a transaction", log[:ends[2]-4], true, 0},
		{"cut off within the header", log[:7], false, 0},
		{"cut off between transactions looks whole: the commit mark knows better", log[:ends[1]], false, 2},
		{"no transactions", full(header), false, 0},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00001.mem"), c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := checkLogs(dir)
		if errors.Is(err, ErrDamaged) != c.damaged || !c.damaged && err != nil {
			t.Errorf("%s: %v", c.reason, err)
		}
		if !c.damaged && got.Transactions != c.transactions {
			t.Errorf("%s: %+v, want %d transactions", c.reason, got, c.transactions)
		}
	}
}

// TestOlderLogMayNotBeTorn: only the newest log was being written at the kill.
func TestOlderLogMayNotBeTorn(t *testing.T) {
	log := appendLogEntry(make([]byte, logHeaderSize), 0, []byte("key"), []byte("value"))
	log = appendLogEntry(log, markerBit, markerKey, []byte("1"))
	torn := append(bytes.Clone(log), make([]byte, logSize-len(log))...)
	torn[logHeaderSize+3] ^= 1
	dir := t.TempDir()
	for name, text := range map[string][]byte{"00001.mem": torn, "00002.mem": log} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := checkLogs(dir); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
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
	f.Add(appendLogEntry(seededHeader("seed"), markerBit, markerKey, []byte("1")), 30)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		seed := logSeed(text)
		end, whole := logEnd(text, seed)
		if whole > end || end > len(text) || whole < min(logHeaderSize, len(text)) {
			t.Fatalf("end %d, whole %d of %d", end, whole, len(text))
		}
		if again, _ := logEnd(text[:end], seed); again != end {
			t.Fatalf("what can be read ends at %d, and of that %d", end, again)
		}
		if size, _ := entrySize(text[end:], seed); size != 0 && end >= logHeaderSize {
			t.Fatalf("an entry of %d bytes follows the end", size)
		}
		if at < 0 || at >= whole || at < logHeaderSize {
			return
		}
		before := countMarkers(text, seed)
		changed := append([]byte(nil), text...)
		changed[at] ^= 0x10
		shorter, _ := logEnd(changed, seed)
		if shorter > at && changed[at] != text[at] {
			t.Fatalf("byte %d was changed and is read: up to %d", at, shorter)
		}
		if after := countMarkers(changed[shorter:], seed); after > before {
			t.Fatalf("%d transactions after the damage, of %d", after, before)
		}
	})
}

// TestLeftoversOfAnEarlierLog: the entries that an earlier log left in the file of a log are
// neither transactions of it nor damage, even right behind its last one.
func TestLeftoversOfAnEarlierLog(t *testing.T) {
	log := seededHeader("this one")
	log = appendLogEntry(log, 0, []byte("key"), []byte("value"))
	log = appendLogEntry(log, markerBit, markerKey, []byte("1"))
	earlier := seededHeader("an earlier one")
	for range 3 {
		earlier = appendLogEntry(earlier, 0, []byte("key"), []byte("value"))
		earlier = appendLogEntry(earlier, markerBit, markerKey, []byte("1"))
	}
	text := append(log, earlier[logHeaderSize:]...)
	text = append(text, make([]byte, logSize-len(text))...)
	dir := t.TempDir()
	for _, name := range []string{"00001.mem", "00002.mem"} { // in a log that may be torn, and in one that may not
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := checkLogs(dir)
	if err != nil || got.Transactions != 2 || got.Bytes != int64(2*(len(log)-logHeaderSize)) {
		t.Errorf("%+v, %v, want one transaction in each log", got, err)
	}
}

// seededHeader is the header of a log with a seed; iv makes up to 12 bytes of its base IV.
func seededHeader(iv string) []byte {
	header := make([]byte, logHeaderSize)
	header[0] = seededBit
	copy(header[8:], iv)
	return header
}

// appendLogEntry writes an entry as Badger does.
func appendLogEntry(log []byte, meta byte, key, value []byte) []byte {
	start, seed := len(log), logSeed(log)
	log = append(log, meta, 0)
	for _, n := range []int{len(key), len(value), 0} {
		log = binary.AppendUvarint(log, uint64(n))
	}
	log = append(append(log, key...), value...)
	return binary.BigEndian.AppendUint32(log, crc32.Update(seed, castagnoli, log[start:]))
}

package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
)

// The format of Badger's logs (.mem): a header of 20 bytes, then entries of header,
// key, value and CRC-32C; the last entry of a transaction is a marker. Badger has no
// call that reads a log without repairing it, so we decode the format once more.
const (
	logHeaderSize    = 20
	markerBit        = 0x80
	seededBit        = 0x80 // of a header's first byte: checksums have a seed (patch)
	markerHeaderSize = 5    // meta, user meta, and three lengths of one byte
	longestKey       = 1 << 16
	// A log has this size, with zeros at its end, until a replay cuts it to its content.
	logSize = 2 * memtableSize
)

var (
	markerKey  = []byte("!badger!txn")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// logsIn returns the paths of the logs that the next open would replay.
func logsIn(dir string) ([]string, error) { return filepath.Glob(filepath.Join(dir, "*.mem")) }

// checkLogs looks for damage in the logs that the next open would replay, and returns
// what there is to replay. Badger takes the first entry that it cannot read for the
// log's end, and cuts off the rest. That is right for the last transaction, which may
// be torn. But the one writer syncs each transaction before the next begins: whatever
// stands before a whole transaction was on disk once, and has been damaged since.
func checkLogs(dir string) (r Replay, err error) {
	logs, err := logsIn(dir)
	if err != nil {
		return r, err
	}
	slices.Sort(logs)
	for i, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			return r, CannotRead(path, err)
		}
		whole, err := checkLog(path, text, i == len(logs)-1)
		if err != nil {
			return r, err
		}
		r.addLog(text[:whole])
	}
	return r, nil
}

// checkLog returns where the last whole transaction of a log ends. Only the newest log
// may end with a torn transaction.
func checkLog(path string, text []byte, newest bool) (whole int, err error) {
	seed := logSeed(text)
	end, whole := logEnd(text, seed)
	torn := 0
	if newest {
		torn = 1
	}
	if cut := countMarkers(text[end:], seed); cut > torn {
		return whole, fmt.Errorf("%w: %s cannot be read from byte %d on, with %d transactions after it: restore a backup, or move the file away to go on without them",
			ErrDamaged, path, end, cut)
	}
	if len(text) != logSize && len(text) != whole {
		return whole, fmt.Errorf("%w: %s was cut off at byte %d, within a transaction: restore a backup, or move the file away to go on without it",
			ErrDamaged, path, len(text))
	}
	return whole, nil
}

// logSeed returns the seed of the checksums in a log. Logs of older programs have none;
// in others what is left of an earlier log in the same file has another seed.
func logSeed(text []byte) uint32 {
	if len(text) < logHeaderSize || text[0]&seededBit == 0 {
		return 0
	}
	return crc32.Checksum(text[8:logHeaderSize], castagnoli)
}

// logEnd returns where a log's readable entries end, and where the last whole
// transaction among them ends.
func logEnd(text []byte, seed uint32) (end, whole int) {
	end = min(logHeaderSize, len(text))
	whole = end
	for {
		size, marker := entrySize(text[end:], seed)
		if size == 0 {
			return end, whole
		}
		if end += size; marker {
			whole = end
		}
	}
}

// entrySize returns the size of the entry that text begins with, 0 if there is none,
// and whether the entry is a marker.
func entrySize(text []byte, seed uint32) (size int, marker bool) {
	if len(text) < 2 {
		return 0, false
	}
	at, lengths := 2, [3]uint64{} // of key and value, and the time of expiry
	for i := range lengths {
		v, n := binary.Uvarint(text[at:])
		if n <= 0 {
			return 0, false
		}
		lengths[i], at = v, at+n
	}
	key, value := lengths[0], lengths[1]
	if key == 0 || key > longestKey || value > uint64(len(text)) {
		return 0, false
	}
	end := at + int(key) + int(value)
	if end+crc32.Size > len(text) || crc32.Update(seed, castagnoli, text[:end]) != binary.BigEndian.Uint32(text[end:]) {
		return 0, false
	}
	return end + crc32.Size, text[0]&markerBit != 0
}

// countMarkers counts the whole markers in text, wherever they stand: after damage the
// beginning of the next entry is unknown.
func countMarkers(text []byte, seed uint32) int {
	count := 0
	for at := 0; ; {
		next := bytes.Index(text[at:], markerKey)
		if next < 0 {
			return count
		}
		if start := at + next - markerHeaderSize; start >= 0 {
			if _, marker := entrySize(text[start:], seed); marker {
				count++
			}
		}
		at += next + len(markerKey)
	}
}

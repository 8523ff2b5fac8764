package badgerstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
	"syscall"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// errDamagedFiles: files are not what this program left. Going on would lose what
// was acknowledged without a word.
var errDamagedFiles = errors.New("the data is damaged")

// cannotRead returns an error of the file system as one about a file, and nil for
// any other error. It says nothing about what is in the file: a backup restored
// because of a wrong owner or a loose cable would lose what came after it.
func cannotRead(path string, err error) error {
	if failed, is := errors.AsType[*fs.PathError](err); is {
		return fmt.Errorf("cannot read %s: %w", path, failed.Err)
	}
	if number, is := errors.AsType[syscall.Errno](err); is {
		return fmt.Errorf("cannot read %s: %w", path, number)
	}
	return nil
}

// The form of Badger's logs (.mem): a header of 20 bytes, then entries of header,
// key, value and CRC-32C; the last entry of a transaction is a marker.
const (
	logHeaderSize    = 20
	markerBit        = 0x80
	markerHeaderSize = 5 // meta, user meta, and three lengths of one byte
	longestKey       = 1 << 16
	// A log has this size, zeros at its end, until a replay cuts it to what it holds.
	logSize = 2 * memtableSize
)

var (
	markerKey  = []byte("!badger!txn")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// checkLogs looks at the logs that the next open would replay. Badger takes the
// first entry that it cannot read for the log's end, and cuts off the rest. That
// is right for the last transaction, which may be torn. But there is one writer,
// who syncs each transaction before the next begins: what stands before a whole
// transaction was on disk once, and has been damaged since. It returns what there
// is to replay.
func checkLogs(dir string) (r replay, err error) {
	logs, err := logsIn(dir)
	if err != nil {
		return r, err
	}
	slices.Sort(logs)
	for i, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			return r, cannotRead(path, err)
		}
		end, whole := logEnd(text)
		cut := countMarkers(text[end:])
		torn := 0
		if i == len(logs)-1 {
			torn = 1
		}
		if cut > torn {
			return r, fmt.Errorf("%w: %s cannot be read from byte %d on, with %d transactions after it: restore a backup, or move the file away to go on without them",
				errDamagedFiles, path, end, cut)
		}
		if len(text) != logSize && len(text) != whole {
			return r, fmt.Errorf("%w: %s was cut off at byte %d, within a transaction: restore a backup, or move the file away to go on without it",
				errDamagedFiles, path, len(text))
		}
		r.add(text[:whole])
	}
	return r, nil
}

// replay is what the logs hold that is in no table: nothing after a clean end.
type replay struct {
	fresh              bool // there was no database
	logs, transactions int
	bytes              int64
}

// add adds a log.
func (r *replay) add(text []byte) {
	if len(text) > logHeaderSize {
		r.logs++
		r.transactions += countMarkers(text)
		r.bytes += int64(len(text) - logHeaderSize)
	}
}

// logEnd is where a log's readable entries end, and where the last whole
// transaction among them does.
func logEnd(text []byte) (end, whole int) {
	end = min(logHeaderSize, len(text))
	whole = end
	for {
		size, marker := entrySize(text[end:])
		if size == 0 {
			return end, whole
		}
		if end += size; marker {
			whole = end
		}
	}
}

// entrySize reads the entry that text begins with: its size, 0 if there is none,
// and whether it is a marker.
func entrySize(text []byte) (size int, marker bool) {
	if len(text) < 2 {
		return 0, false
	}
	at, lengths := 2, [3]uint64{} // of key and value, and when it expires
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
	if end+crc32.Size > len(text) || crc32.Checksum(text[:end], castagnoli) != binary.BigEndian.Uint32(text[end:]) {
		return 0, false
	}
	return end + crc32.Size, text[0]&markerBit != 0
}

// countMarkers counts the whole markers in text, wherever they stand.
func countMarkers(text []byte) int {
	count := 0
	for at := 0; ; {
		next := bytes.Index(text[at:], markerKey)
		if next < 0 {
			return count
		}
		if start := at + next - markerHeaderSize; start >= 0 {
			if _, marker := entrySize(text[start:]); marker {
				count++
			}
		}
		at += next + len(markerKey)
	}
}

// checkTables looks at the ends of the tables, where lengths lead Badger to the
// rest. It checks what they lead to, but panics when they lead nowhere. Files
// that the manifest does not name are left over from a kill, and of no account.
func checkTables(dir string, manifest *badger.Manifest) error {
	for id := range manifest.Tables {
		path := table.NewFilename(id, dir)
		err := checkTable(path)
		switch unreadable := cannotRead(path, err); {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: %s is missing: restore a backup", errDamagedFiles, path)
		case unreadable != nil:
			return unreadable
		case err != nil:
			return fmt.Errorf("%w: the end of %s is not a table's: %w; restore a backup", errDamagedFiles, path, err)
		}
	}
	return nil
}

var errLengths = errors.New("its lengths do not fit")

// longestChecksum is a bound on the record of a checksum.
const longestChecksum = 64

// checkTable reads a table's end: index, its length(4), its checksum, and the length of that(4).
func checkTable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	at := info.Size()
	checksum, err := sizeBefore(file, &at)
	if err != nil || checksum > longestChecksum {
		return errors.Join(err, errLengths)
	}
	at -= checksum
	index, err := sizeBefore(file, &at)
	if err != nil || index == 0 || index > at {
		return errors.Join(err, errLengths)
	}
	return nil
}

// sizeBefore reads the length that ends at a place in a file, and moves the place before it.
func sizeBefore(file *os.File, at *int64) (int64, error) {
	if *at -= 4; *at < 0 {
		return 0, errLengths
	}
	var text [4]byte
	if _, err := file.ReadAt(text[:], *at); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint32(text[:])), nil
}

package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// checkTables looks at the end of each table, where lengths lead Badger to the rest.
// Badger checks what the lengths lead to, but panics when they lead nowhere. Files that
// the manifest does not name are left over from a kill: Badger removes them, and they
// are not checked.
func checkTables(dir string, manifest *badger.Manifest) error {
	for id := range manifest.Tables {
		path := table.NewFilename(id, dir)
		err := checkTable(path)
		switch unreadable := CannotRead(path, err); {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w: %s is missing: restore a backup", ErrDamaged, path)
		case unreadable != nil:
			return unreadable
		case err != nil:
			return fmt.Errorf("%w: the end of %s is not a table's: %w; restore a backup", ErrDamaged, path, err)
		}
	}
	return nil
}

var errLengths = errors.New("its lengths do not fit")

// longestChecksum is a bound on a table's checksum record, which is a small protobuf.
const longestChecksum = 64

// checkTable reads a table's end: index, the index's length(4), the index's checksum,
// and the checksum's length(4).
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
	checksum, err := lengthBefore(file, &at)
	if err != nil || checksum > longestChecksum {
		return errors.Join(err, errLengths)
	}
	at -= checksum
	index, err := lengthBefore(file, &at)
	if err != nil || index == 0 || index > at {
		return errors.Join(err, errLengths)
	}
	return nil
}

// lengthBefore reads the length that ends at a place in a file, and moves the place to
// the length's beginning.
func lengthBefore(file *os.File, at *int64) (int64, error) {
	if *at -= 4; *at < 0 {
		return 0, errLengths
	}
	var text [4]byte
	if _, err := file.ReadAt(text[:], *at); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint32(text[:])), nil
}

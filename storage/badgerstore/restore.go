package badgerstore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"google.golang.org/protobuf/proto"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/disk"
)

// stagingSuffix is the end of the name under which a restore makes its directory, beside
// the target. It renames the directory once everything in it is verified and synced.
// Until then every command refuses the target because that directory exists.
const stagingSuffix = ".restoring"

var (
	errNotEmpty   = errors.New("the directory is not empty")
	errNotADir    = errors.New("it is not a directory")
	errUnfinished = errors.New("a restore has not finished")
)

// reached is called at each step of a restore. Tests replace it to end the process there.
var reached = func(string) {}

// refuseUnfinished returns an error for a directory whose restore has not finished.
func refuseUnfinished(dir string) error {
	staging := dir + stagingSuffix
	if _, err := os.Lstat(staging); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	} else if err != nil {
		return err
	}
	return fmt.Errorf("%w, and left %s: unless one is running, remove that and restore again", errUnfinished, staging)
}

// RestoreDir makes a directory, which must be empty or missing, from the backup in a
// file. The directory appears under its name only when it is complete: every record was
// compared with the backup and checked, and everything is synced. An error leaves
// nothing new behind; after a kill, Open refuses the directory and says what to do.
//
// The target itself cannot be a mount point, because a rename replaces it; the directory
// that holds it can.
func RestoreDir(path, dir string) (c CheckReport, err error) {
	if err := disk.Supported(); err != nil {
		return c, err
	}
	file, err := os.Open(path)
	if err != nil {
		return c, fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = file.Close() }()
	b, err := checkBackup(file)
	if err != nil {
		return c, fmt.Errorf("restore %s: %w", path, err)
	}
	if c, err = restore(b, dir); err != nil {
		return c, fmt.Errorf("restore into %s: %w", dir, err)
	}
	return c, nil
}

// restore makes the directory beside the target, and renames it.
func restore(b backup, dir string) (c CheckReport, err error) {
	staging := dir + stagingSuffix
	if err := stage(staging, dir); err != nil {
		return c, err
	}
	c, err = fillStaging(b, staging)
	if err == nil {
		err = os.Rename(staging, dir)
	}
	if err != nil {
		return c, errors.Join(err, os.RemoveAll(staging))
	}
	reached("renamed")
	return c, disk.SyncDir(filepath.Dir(dir))
}

// stage makes the staging directory, and removes an empty target. If it fails it leaves
// no staging directory.
func stage(staging, dir string) error {
	if err := disk.MakeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	// The order matters: the mark exists, synced, before the target is touched.
	reached("parent made")
	if err := os.Mkdir(staging, 0o700); errors.Is(err, fs.ErrExist) {
		return refuseUnfinished(dir)
	} else if err != nil {
		return err
	}
	reached("staged")
	// The mark must survive a crash before the target goes.
	err := disk.SyncDir(filepath.Dir(dir))
	if err == nil {
		err = removeEmpty(dir)
	}
	if err != nil {
		return errors.Join(err, os.Remove(staging))
	}
	reached("target removed")
	return nil
}

// removeEmpty removes a directory if it exists and is empty.
func removeEmpty(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.IsDir() {
		err = errNotADir
	}
	if err != nil {
		return err
	}
	// Only an empty directory may be replaced, so that no data is lost.
	if entries, err := os.ReadDir(dir); err != nil {
		return err
	} else if len(entries) > 0 {
		return errNotEmpty
	}
	err = os.Remove(dir)
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("it is a mount point, which cannot be replaced; mount the directory around it instead: %w", err)
	}
	return err
}

// fillStaging loads a backup, and verifies that the records on disk are those in the file.
func fillStaging(b backup, dir string) (c CheckReport, err error) {
	if err := load(b, dir); err != nil {
		return c, fmt.Errorf("load: %w", err)
	}
	reached("loaded")
	if err := compare(b, dir); err != nil {
		return c, fmt.Errorf("compare with the backup: %w", err)
	}
	reached("compared")
	if c, err = CheckDir(dir, nil); err != nil {
		return c, err
	}
	reached("checked")
	if err := disk.SyncTree(dir); err != nil {
		return c, fmt.Errorf("sync: %w", err)
	}
	reached("synced")
	return c, nil
}

// backup is a complete backup in a file.
type backup struct {
	file *os.File
	size int64 // of the lists
	sum  []byte
	// found are its records by their keys; Opened and Damaged are not known.
	found CheckReport
}

// checkBackup reads all of a backup, and returns it if it is complete. An error is the
// file system's, or errNoBackup for anything that Backup does not write.
func checkBackup(file *os.File) (b backup, err error) {
	info, err := file.Stat()
	if err != nil {
		return b, err
	}
	b = backup{file: file, size: info.Size() - int64(len(backupTitle)) - sha256.Size, sum: make([]byte, sha256.Size)}
	if _, err := file.ReadAt(b.sum[:1], 0); err != nil && !errors.Is(err, io.EOF) {
		return b, err
	}
	if b.size < 0 {
		return b, errNoBackup
	}
	if _, err := file.ReadAt(b.sum, info.Size()-sha256.Size); err != nil {
		return b, err
	}
	err = b.lists().each(func(record *pb.KV) error {
		b.found.countKey(record.Key)
		return nil
	})
	if err != nil && engine.CannotRead(file.Name(), err) == nil {
		err = errNoBackup // whatever there is instead of lists
	}
	return b, err
}

// lists returns a reader at the first list of a backup.
func (b backup) lists() *listReader {
	r := &listReader{sum: sha256.New(), want: b.sum}
	r.from = bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(b.file, 0, int64(len(backupTitle))+b.size), r.sum), backupChunk)
	title := make([]byte, len(backupTitle))
	if _, err := io.ReadFull(r.from, title); err == nil && string(title) != backupTitle {
		r.err = errNoBackup
	} else {
		r.err = err
	}
	return r
}

// listReader reads the lists of a backup, and hashes what it reads.
type listReader struct {
	from *bufio.Reader
	sum  hash.Hash
	want []byte
	err  error
}

// Read returns the bytes of the lists, as badger.Load wants them.
func (r *listReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	return r.from.Read(p)
}

// verify compares the hash, once all lists were read.
func (r *listReader) verify() error {
	if r.err == nil && !bytes.Equal(r.sum.Sum(nil), r.want) {
		r.err = errNoBackup
	}
	return r.err
}

// longestList bounds the length that a damaged file can make next allocate. A list is
// about backupChunk long, plus one record.
const longestList = 64 << 20

// next returns the next list; io.EOF after the last one.
func (r *listReader) next() (*pb.KVList, error) {
	var size uint64
	if err := binary.Read(r, binary.LittleEndian, &size); err != nil {
		return nil, err
	}
	if size > longestList {
		return nil, errNoBackup
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	var list pb.KVList
	return &list, proto.Unmarshal(text, &list)
}

// each calls visit for all records, and verifies the hash after the last one.
func (r *listReader) each(visit func(*pb.KV) error) error {
	for {
		list, err := r.next()
		if errors.Is(err, io.EOF) {
			return r.verify()
		}
		if err != nil {
			return err
		}
		for _, record := range list.Kv {
			if err := visit(record); err != nil {
				return err
			}
		}
	}
}

// pendingRestores is how many batches of a restore may be written at the same time.
const pendingRestores = 4

// load writes a backup into a new database.
func load(b backup, dir string) error {
	return engine.With(dir, func(db *engine.DB) error {
		lists := b.lists()
		if err := db.Load(lists, pendingRestores); err != nil {
			return err
		}
		return lists.verify()
	})
}

// compare reports whether a database holds every record of a backup, byte for byte, and
// no other. Both are in order of keys.
func compare(b backup, dir string) error {
	return engine.With(dir, func(db *engine.DB) error {
		tx := db.NewTransaction(false)
		defer tx.Discard()
		it := tx.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		it.Rewind()
		if err := b.lists().each(func(record *pb.KV) error { return compareRecord(it, record) }); err != nil {
			return err
		}
		if it.Valid() {
			return fmt.Errorf("record %x: %w", it.Item().Key(), errNotRestored)
		}
		return nil
	})
}

// errNotRestored reports a record that differs between backup and database.
var errNotRestored = errors.New("it is not as it is in the backup")

// compareRecord compares a record with the one at an iterator's position, and advances
// the iterator. A record that has expired since the backup may be gone.
func compareRecord(it *badger.Iterator, record *pb.KV) error {
	if !it.Valid() || !bytes.Equal(it.Item().Key(), record.Key) {
		if record.ExpiresAt != 0 && record.ExpiresAt <= uint64(time.Now().Unix()) {
			return nil
		}
		return fmt.Errorf("record %x: %w", record.Key, errNotRestored)
	}
	item := it.Item()
	same := item.Version() == record.Version && item.ExpiresAt() == record.ExpiresAt
	err := item.Value(func(value []byte) error {
		same = same && bytes.Equal(value, record.Value)
		return nil
	})
	if err == nil && !same {
		err = errNotRestored
	}
	if err != nil {
		return fmt.Errorf("record %x: %w", record.Key, err)
	}
	it.Next()
	return nil
}

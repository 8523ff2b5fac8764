package badgerstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"

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
// progress, unless nil, follows the work.
func RestoreDir(path, dir string, progress disk.Progress) (c CheckReport, err error) {
	if err := disk.Supported(); err != nil {
		return c, err
	}
	file, err := os.Open(path)
	if err != nil {
		return c, fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = file.Close() }()
	// Before anything is made: a damaged backup must not cost an empty target.
	meter := disk.NewMeter(progress)
	if info, err := file.Stat(); err == nil {
		meter.Expect(5 * info.Size()) // checked, loaded, compared; then its tables and its records
	}
	b, err := checkBackup(file, meter)
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
		// The target is gone only if it was empty, so nothing but our own is removed.
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
	// Without keys: a restore must be possible on a machine that has none.
	if c, err = checkDir(dir, nil, b.meter); err != nil {
		return c, err
	}
	reached("checked")
	if err := disk.SyncTree(dir); err != nil {
		return c, fmt.Errorf("sync: %w", err)
	}
	reached("synced")
	return c, nil
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
		// The file was verified before. It is read a second time, and may have changed.
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
		// Badger hides what has expired, so it is no loss.
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

package badgerstore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A backup is a line that says so, Badger's stream of all records, and the
// SHA-256 of both, without which a backup that breaks off would look whole.
const backupTitle = "astrohook backup 1\n"

var errNoBackup = errors.New("not a whole backup")

// Backup writes all records to w. It reads a snapshot: writes go on meanwhile,
// and are not in it.
func (s *Store) Backup(w io.Writer) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer s.leave()
	sum := sha256.New()
	out := bufio.NewWriterSize(w, 1<<20)
	both := io.MultiWriter(out, sum)
	if _, err := io.WriteString(both, backupTitle); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if _, err := s.db.Backup(both, 0); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if _, err := out.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// BackupDir backs up a directory that no process uses, after a check, into a new
// file. What is sealed is copied as it is. The file is there, synced, only when it is whole.
func BackupDir(dir, path string) (c Census, err error) {
	s, err := Open(Options{Dir: dir})
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if c, err = s.Check(); err != nil {
		return c, err
	}
	return c, writeWhole(path, s.Backup)
}

// writeWhole makes a file that is not there yet, all at once.
func writeWhole(path string, write func(io.Writer) error) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w", path, os.ErrExist))
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*") // mode 0600
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// pendingRestores is how many batches of a restore may be under way at once.
const pendingRestores = 4

// RestoreDir makes a directory, which must be empty or missing, from the backup in
// a file, and checks it. After an error the directory is to be thrown away.
func RestoreDir(path, dir string) (c Census, err error) {
	file, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer func() { _ = file.Close() }()
	size, err := checkBackup(file)
	if err != nil {
		return c, fmt.Errorf("restore %s: %w", path, err)
	}
	if files, err := os.ReadDir(dir); err == nil && len(files) > 0 {
		return c, fmt.Errorf("restore into %s: %w", dir, errNotEmpty)
	}
	if err := load(io.NewSectionReader(file, int64(len(backupTitle)), size), dir); err != nil {
		return c, fmt.Errorf("restore into %s: %w", dir, err)
	}
	return CheckDir(dir, nil)
}

var errNotEmpty = errors.New("the directory is not empty")

// checkBackup reads all of a backup, and gives the size of the stream in it.
func checkBackup(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size() - int64(len(backupTitle)) - sha256.Size
	title := make([]byte, len(backupTitle))
	if _, err := io.ReadFull(file, title); err != nil || size < 0 || string(title) != backupTitle {
		return 0, errNoBackup
	}
	sum := sha256.New()
	sum.Write(title)
	if _, err := io.CopyN(sum, file, size); err != nil {
		return 0, err
	}
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(file, want); err != nil || !bytes.Equal(sum.Sum(nil), want) {
		return 0, errors.Join(err, errNoBackup)
	}
	return size, nil
}

// load fills a new database.
func load(stream io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	o, err := Options{Dir: dir}.withDefaults()
	if err != nil {
		return err
	}
	db, err := openBadger(badgerOptions(o, &badgerLog{log: o.Log}))
	if err != nil {
		return err
	}
	err = db.Load(stream, pendingRestores)
	return errors.Join(err, db.Close())
}

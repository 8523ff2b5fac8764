// Package disk holds the file-system calls of storage: those that differ between operating
// systems (space, locks, reserved blocks, the sync of a directory), and files and
// directories that appear whole or not at all.
//
// What storage keeps in the files belongs to its backends. Every write here is synced,
// because whoever uses the package has promised somebody that the data is safe.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrLocked reports that another process holds the lock.
var ErrLocked = errors.New("locked by another process")

// Space is the size of a file system in bytes. Free is what this process may still write,
// without the blocks that are reserved for root.
type Space struct{ Total, Free uint64 }

// Used returns how many bytes of the disk the files in a directory take, without those in
// directories below it. Blocks that are reserved and not written yet count; holes do not.
// It costs one look at each file's entry.
func Used(dir string) (bytes uint64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("measure the files: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			return 0, fmt.Errorf("measure the files: %w", err)
		case info.Mode().IsRegular():
			bytes += blocksOf(info)
		}
	}
	return bytes, nil
}

// MakeDir makes a directory, mode 0700, with its parents, and syncs every directory that
// gained an entry: without that, a power failure can take the directory with everything in
// it. A directory that exists already stays as it is.
func MakeDir(path string) error {
	missing, err := missingDirs(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for _, dir := range missing {
		err := SyncDir(filepath.Dir(dir))
		// A directory that may be written and not read cannot be synced. The caller cannot
		// change that, and the directory was made.
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// missingDirs returns path and its parents, as far as they do not exist, the innermost first.
func missingDirs(path string) (missing []string, err error) {
	for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
		_, err := os.Stat(dir)
		if err == nil {
			return missing, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if missing = append(missing, dir); dir == filepath.Dir(dir) {
			return missing, nil
		}
	}
}

// Create makes a file, mode 0600, that does not exist yet, and fails with fs.ErrExist if the
// name is taken. The file appears under its name whole and synced, or not at all. A kill can
// leave a file whose name continues with ".part-" and digits; nothing reads that one.
func Create(path string, write func(*os.File) error) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w", path, fs.ErrExist))
	}
	return Replace(path, write)
}

// Replace is Create for a name that may be taken. Whoever opens the name gets the old file
// or the new one, each of them whole: a rename is atomic (POSIX, rename).
func Replace(path string, write func(*os.File) error) error {
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
	return SyncDir(filepath.Dir(path))
}

// SyncTree syncs a directory with every file and directory in it. It does not follow symbolic
// links.
func SyncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return SyncDir(path)
		case entry.Type().IsRegular():
			return syncFile(path)
		}
		return nil
	})
}

// syncFile syncs a file, or the entries of a directory.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

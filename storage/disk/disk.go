// Package disk holds the file-system calls of storage: those that differ between
// operating systems, and files and directories that are made whole or not at all.
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

// Space is the size of a file system, and how much of it may still be written, in bytes.
type Space struct{ Total, Free uint64 }

// MakeDir makes a directory, mode 0700, with its parents, and syncs every
// directory that gained an entry. A directory that is there already stays as it is.
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
		if err != nil && !errors.Is(err, fs.ErrPermission) { // one that may be written, and not read
			return err
		}
	}
	return nil
}

// missingDirs returns path and its parents, as far as they do not exist.
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

// Create makes a file, mode 0600, that does not exist yet. It appears under its
// name whole and synced, or not at all; a kill can leave a file of that name with
// ".part-" and digits at its end. fs.ErrExist if the name is taken.
func Create(path string, write func(*os.File) error) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s: %w", path, fs.ErrExist))
	}
	return Replace(path, write)
}

// Replace is Create for a name that may be taken: who opens it gets the old file
// or the new one, each of them whole.
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

// SyncTree syncs a directory with every file and directory in it.
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

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

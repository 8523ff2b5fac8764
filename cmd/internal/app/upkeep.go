package app

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/corpastro/astrohook/storage/badgerstore"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/sealed"
)

// CheckReport is what a data directory holds.
type CheckReport = badgerstore.CheckReport

// Patched reports whether the database was built with our patches, as make does it.
func Patched() bool { return engine.Patched() }

// ErrUnpatched is returned by New of a program without the patches, unless
// Config.AllowUnpatched is set.
var ErrUnpatched = errors.New("this program was built without the patches to its database, and can lose accepted events on a disk with errors: " +
	"build it with make, or set allow-unpatched to serve all the same")

// Usable returns an error if no command can use a data directory: a restore into it has
// not finished, or this system does not support one. It makes nothing.
func Usable(dataDir string) error { return badgerstore.Usable(filepath.Join(dataDir, storeDir)) }

// The commands below open the data directory themselves. Where a server has it open they
// fail: the directory has a lock.

// Check verifies a data directory that no server uses: every checksum, every
// record, and that every pending delivery has what it needs. With keys, in the form of
// Config.SecretKeys, it decrypts every secret.
func Check(dataDir string, keys []string) (CheckReport, error) {
	ring, err := secretKeys(keys)
	if err != nil {
		return CheckReport{}, err
	}
	var secrets badgerstore.Secrets // nil without keys: nothing is decrypted
	if ring != nil {
		secrets = sealed.NewKeys(ring)
	}
	c, err := badgerstore.CheckDir(filepath.Join(dataDir, storeDir), secrets)
	return c, missingKey(err)
}

// Backup writes a data directory that no server uses to a new file. It never overwrites
// one. Secrets stay encrypted in it.
func Backup(dataDir, file string) (CheckReport, error) {
	return badgerstore.BackupDir(filepath.Join(dataDir, storeDir), file)
}

// SaveBackup writes a backup that a running server streams to a new file. The file
// appears only when it is complete.
func SaveBackup(from io.Reader, file string) (CheckReport, error) {
	return badgerstore.SaveBackup(from, file)
}

// Restore makes a new data directory from a backup. It compares and checks every record
// before the directory gets its name, and writes into no directory that holds anything.
func Restore(file, dataDir string) (CheckReport, error) {
	return badgerstore.RestoreDir(file, filepath.Join(dataDir, storeDir))
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/corpastro/astrohook/storage/badgerstore"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/export"
	"github.com/corpastro/astrohook/storage/disk"
	"github.com/corpastro/astrohook/storage/pgstore"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/webhook"
)

// Progress is told how far work that takes long has come: done of about total bytes.
type Progress = disk.Progress

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
// Config.SecretKeys, it decrypts every secret. progress may be nil.
func Check(dataDir string, keys []string, progress Progress) (CheckReport, error) {
	ring, err := secretKeys(keys)
	if err != nil {
		return CheckReport{}, err
	}
	var secrets badgerstore.Secrets // nil without keys: nothing is decrypted
	if ring != nil {
		secrets = sealed.NewKeys(ring)
	}
	c, err := badgerstore.CheckDir(filepath.Join(dataDir, storeDir), secrets, progress)
	return c, missingKey(err)
}

// Backup writes a data directory that no server uses to a new file. It never overwrites
// one. Secrets stay encrypted in it. progress may be nil.
func Backup(dataDir, file string, progress Progress) (CheckReport, error) {
	return badgerstore.BackupDir(filepath.Join(dataDir, storeDir), file, progress)
}

// SaveBackup writes a backup that a running server streams to a new file. The file
// appears only when it is complete.
func SaveBackup(from io.Reader, file string) (CheckReport, error) {
	return badgerstore.SaveBackup(from, file)
}

// Restore makes a new data directory from a backup. It compares and checks every record
// before the directory gets its name, and writes into no directory that holds anything.
// progress may be nil.
func Restore(file, dataDir string, progress Progress) (CheckReport, error) {
	return badgerstore.RestoreDir(file, filepath.Join(dataDir, storeDir), progress)
}

// RestoreDatabase fills an empty database from a backup of a data directory: the way over
// from one machine to several. It makes a directory from the backup first, in the
// temporary directory, which needs room for it: there every record is compared and checked,
// and what an older version wrote is brought up to date. No server uses the database
// before all of it is there.
func RestoreDatabase(ctx context.Context, file, url string) (found CheckReport, err error) {
	dir, err := os.MkdirTemp("", "astrohook-restore-")
	if err != nil {
		return found, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if found, err = Restore(file, dir, nil); err != nil {
		return found, err
	}
	store := filepath.Join(dir, storeDir)
	opened, err := badgerstore.Open(badgerstore.Options{Dir: store})
	if err == nil {
		err = opened.Close()
	}
	if err != nil {
		return found, err
	}
	if err := load(ctx, store, url); err != nil {
		return found, fmt.Errorf("restore into %s: %w", pgstore.Describe(url), err)
	}
	return found, nil
}

// load copies a directory of storage into a database.
func load(ctx context.Context, store, url string) (err error) {
	loader, err := pgstore.NewLoader(ctx, pgstore.Options{URL: url})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loader.Close()) }()
	if err := export.Dir(store, loader); err != nil {
		return err
	}
	return loader.Finish()
}

// IsDatabase reports whether the place that a command names is a database and no directory.
func IsDatabase(place string) bool { return pgstore.IsURL(place) }

// DescribeDatabase returns what may be shown of a database's URL, without its password.
func DescribeDatabase(url string) string { return pgstore.Describe(url) }

// Migrate brings the tables of a database to the version that this program needs, and
// returns the version before, 0 for none, and after.
func Migrate(ctx context.Context, url string) (before, after int, err error) {
	if !pgstore.IsURL(url) {
		return 0, 0, &webhook.FieldError{Field: "database-url", Reason: "is not of the form postgres://user:password@host:port/database"}
	}
	if before, after, err = pgstore.Migrate(ctx, url); err != nil {
		return before, after, fmt.Errorf("migrate %s: %w", pgstore.Describe(url), err)
	}
	return before, after, nil
}

package app

import (
	"path/filepath"

	"github.com/corpastro/astrohook/storage/badgerstore"
)

// Census is what a data directory holds.
type Census = badgerstore.Census

// Check verifies a data directory that no server uses: every checksum, every
// record, and that nothing pending lacks what it needs.
func Check(dataDir string) (Census, error) {
	return badgerstore.CheckDir(filepath.Join(dataDir, storeDir))
}

// Backup writes a data directory that no server uses to a new file.
func Backup(dataDir, file string) (Census, error) {
	return badgerstore.BackupDir(filepath.Join(dataDir, storeDir), file)
}

// Restore makes a new data directory of a backup.
func Restore(file, dataDir string) (Census, error) {
	return badgerstore.RestoreDir(file, filepath.Join(dataDir, storeDir))
}

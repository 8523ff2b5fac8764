package badgerstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	badger "github.com/dgraph-io/badger/v4"
)

// checkManifest looks for an incomplete entry at the end of Badger's list of
// tables, and at these. Badger would cut it off, and remove the tables that only it named.
func checkManifest(o badger.Options) error {
	path := filepath.Join(o.Dir, badger.ManifestFilename)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return manifestNeeded(o.Dir)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	manifest, end, err := badger.ReplayManifestFile(file, o.ExternalMagicVersion, o)
	if err != nil {
		return fmt.Errorf("%w: %s: %w; restore a backup", errDamagedFiles, path, err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() > end {
		err = fmt.Errorf("%w: %s breaks off within an entry, after byte %d: restore a backup, or, if the machine lost power while it wrote that, cut the file there and check the directory",
			errDamagedFiles, path, end)
	}
	return errors.Join(err, checkTables(o.Dir, &manifest))
}

// manifestNeeded refuses tables without a list of them: Badger would remove them.
func manifestNeeded(dir string) error {
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err == nil && len(tables) > 0 {
		err = fmt.Errorf("%w: %s is missing, with %d tables there: restore a backup",
			errDamagedFiles, filepath.Join(dir, badger.ManifestFilename), len(tables))
	}
	return err
}

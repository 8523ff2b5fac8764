package badgerstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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
	if err == nil {
		defer func() { _ = file.Close() }()
		err = readThrough(file)
	}
	if err != nil {
		return cannotRead(path, err)
	}
	manifest, end, err := badger.ReplayManifestFile(file, o.ExternalMagicVersion, o)
	if err != nil {
		return fmt.Errorf("%w: %s: %w; restore a backup", errDamagedFiles, path, err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() > end {
		err = fmt.Errorf("%w: %s breaks off within an entry, after byte %d: restore a backup, or, if the machine lost power while it wrote that, cut the file there and check the directory",
			errDamagedFiles, path, end)
	}
	if err == nil {
		err = checkManifestExtent(o.Dir, file, info.Size())
	}
	return errors.Join(err, checkTables(o.Dir, &manifest))
}

// readThrough reads all of a file and goes back to its beginning: Badger takes what
// it cannot read for what it does not understand.
func readThrough(file *os.File) error {
	if _, err := io.Copy(io.Discard, file); err != nil {
		return err
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}

// A file of keys begins with this; more of it would be keys, and we have none.
const (
	keysIV    = 16
	keysTitle = "Hello Badger"
)

// checkKeyRegistry looks at Badger's file of keys. Badger takes damage for a wrong key.
func checkKeyRegistry(dir string) error {
	path := filepath.Join(dir, badger.KeyRegistryFileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cannotRead(path, err)
	}
	if len(text) < keysIV || !strings.HasPrefix(string(text[keysIV:]), keysTitle) {
		return fmt.Errorf("%w: %s is not a file of keys: restore a backup", errDamagedFiles, path)
	}
	return nil
}

// manifestExtent is how much of a manifest was on disk: its size in bytes, and the
// length and checksum of its first entry. Badger appends to a manifest, and now and
// then replaces it by one that begins otherwise.
type manifestExtent struct {
	beginning [8]byte
	size      int64
}

// manifestHeader is the size of a manifest's header, in front of its first entry.
const manifestHeader = 8

// syncManifest measures a manifest, and syncs it.
func syncManifest(path string) (m manifestExtent, err error) {
	file, err := os.Open(path)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return m, err
	}
	m.size = info.Size()
	_, err = file.ReadAt(m.beginning[:], manifestHeader)
	return m, errors.Join(err, file.Sync())
}

// checkManifestExtent refuses a manifest that was larger once: between two entries,
// nothing else tells that it was cut off.
func checkManifestExtent(dir string, manifest io.ReaderAt, size int64) error {
	noted, err := readSynced(dir)
	if err != nil {
		return err
	}
	now := manifestExtent{size: size}
	if _, err := manifest.ReadAt(now.beginning[:], manifestHeader); err != nil {
		return fmt.Errorf("read the manifest's beginning: %w", err)
	}
	if had := noted.manifest; had.beginning == now.beginning && had.size > size {
		return fmt.Errorf("%w: %s has %d bytes and had %d once, so that tables are missing from it: restore a backup",
			errDamagedFiles, filepath.Join(dir, badger.ManifestFilename), size, had.size)
	}
	return nil
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

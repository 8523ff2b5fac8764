package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	badger "github.com/dgraph-io/badger/v4"
)

// checkManifest looks for damage in the manifest, Badger's list of tables, and in the
// tables that it names. Badger would cut off an incomplete entry at the manifest's end,
// and remove the tables that only that entry named.
func checkManifest(o badger.Options) error {
	path := filepath.Join(o.Dir, badger.ManifestFilename)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return refuseTablesWithoutManifest(o.Dir)
	}
	if err == nil {
		defer func() { _ = file.Close() }()
		err = readThrough(file)
	}
	if err != nil {
		return CannotRead(path, err)
	}
	manifest, end, err := badger.ReplayManifestFile(file, o.ExternalMagicVersion, o)
	if err != nil {
		return fmt.Errorf("%w: %s: %w; restore a backup", ErrDamaged, path, err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() > end {
		err = fmt.Errorf("%w: %s breaks off within an entry, after byte %d: restore a backup, or, if the machine lost power while it wrote that, cut the file there and check the directory",
			ErrDamaged, path, end)
	}
	if err == nil {
		err = checkManifestExtent(o.Dir, file, info.Size())
	}
	return errors.Join(err, checkTables(o.Dir, &manifest))
}

// readThrough reads a file to its end and returns to its beginning. Badger reports a
// failing read as a manifest of an unknown format, so failing reads must come up before.
func readThrough(file *os.File) error {
	if _, err := io.Copy(io.Discard, file); err != nil {
		return err
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}

// refuseTablesWithoutManifest refuses a directory with tables and no list of them:
// Badger would remove the tables.
func refuseTablesWithoutManifest(dir string) error {
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err == nil && len(tables) > 0 {
		err = fmt.Errorf("%w: %s is missing, with %d tables there: restore a backup",
			ErrDamaged, filepath.Join(dir, badger.ManifestFilename), len(tables))
	}
	return err
}

// manifestExtent is how much of a manifest was on disk: its size in bytes, and the
// length and checksum of its first entry. Badger appends to a manifest, and now and
// then replaces it by one whose first entry differs; sizes of the two do not compare.
type manifestExtent struct {
	beginning [8]byte
	size      int64
}

// manifestHeader is the size of a manifest's header, in front of its first entry.
const manifestHeader = 8

// syncManifest measures a manifest and syncs it.
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

// checkManifestExtent refuses a manifest that was larger once. A manifest that was cut
// off between two entries looks whole by itself.
func checkManifestExtent(dir string, manifest io.ReaderAt, size int64) error {
	mark, err := readMark(dir)
	if err != nil {
		return err
	}
	now := manifestExtent{size: size}
	if _, err := manifest.ReadAt(now.beginning[:], manifestHeader); err != nil {
		return fmt.Errorf("read the manifest's beginning: %w", err)
	}
	if had := mark.manifest; had.beginning == now.beginning && had.size > size {
		return fmt.Errorf("%w: %s has %d bytes and had %d once, so that tables are missing from it: restore a backup",
			ErrDamaged, filepath.Join(dir, badger.ManifestFilename), size, had.size)
	}
	return nil
}

package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	badger "github.com/dgraph-io/badger/v4"
)

// The commit mark is a small file beside the database that says how far the database
// has got. A log that lost its last transactions, and a list of tables that lost its
// last entries, look whole by themselves: the mark is the only witness against them.
const markName = "SYNCED"

// markFormat is the file's first byte. Files of another format are ignored.
const markFormat = 2

// markSize is the file's size: format, number of commits, the manifest's beginning and
// size, CRC-32C; big-endian.
const markSize = 1 + 8 + 8 + 8 + 4

// marked is what the mark says is on disk.
type marked struct {
	commits  uint64 // the number of the last commit
	manifest manifestExtent
}

// commitMark writes the mark after each commit, and so keeps the file open. Only Start,
// then the writer, and then Close use it.
type commitMark struct {
	dir  string
	file *os.File // nil until begin has found nothing missing
	last marked   // what was written last
	// manifest is the manifest when it was last measured: an unchanged one is not synced
	// again.
	manifest fs.FileInfo
}

// begin compares the last commit that the database holds with the last one of which
// the mark knows. Unless commits are missing, the mark is kept from now on.
func (m *commitMark) begin(commits uint64) error {
	path := filepath.Join(m.dir, markName)
	had, err := readMark(m.dir)
	if err != nil {
		return err
	}
	if had.commits > commits {
		return fmt.Errorf("%w: it ends with commit %d and had %d once, so that its latest part is missing: restore a backup, or remove the file %s to go on without it",
			ErrDamaged, commits, had.commits, path)
	}
	if m.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("note what is synced: %w", err)
	}
	m.last.commits = commits
	return nil
}

// note writes down the number of a commit that is on disk, and how much of the manifest
// is. The file itself is not synced: after a crash of the machine the mark may be behind
// the database, which does no harm, and never ahead of it. An error does no harm either.
func (m *commitMark) note(commits uint64) error {
	if m.file == nil {
		return nil
	}
	now := marked{commits: commits, manifest: m.last.manifest}
	err := m.measureManifest(&now)
	if now == m.last {
		return err
	}
	m.last = now
	_, failed := m.file.WriteAt(now.encode(), 0)
	return errors.Join(err, failed)
}

// noteManifest is note without a new commit.
func (m *commitMark) noteManifest() error { return m.note(m.last.commits) }

// measureManifest measures and syncs the manifest if it has changed, as it does with
// each new table.
func (m *commitMark) measureManifest(now *marked) error {
	path := filepath.Join(m.dir, badger.ManifestFilename)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at the manifest: %w", err)
	}
	if m.manifest != nil && os.SameFile(info, m.manifest) && info.Size() == m.manifest.Size() {
		return nil
	}
	extent, err := syncManifest(path)
	if err != nil {
		return err
	}
	now.manifest, m.manifest = extent, info
	return nil
}

func (m *commitMark) close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

func (m *marked) encode() []byte {
	text := append(make([]byte, 0, markSize), markFormat)
	text = binary.BigEndian.AppendUint64(text, m.commits)
	text = append(text, m.manifest.beginning[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(m.manifest.size))
	return binary.BigEndian.AppendUint32(text, crc32.Checksum(text, castagnoli))
}

// readMark reads the mark of a directory. A missing, damaged or foreign mark reads as
// zero, which accuses nobody: the mark is only a second witness.
func readMark(dir string) (m marked, err error) {
	path := filepath.Join(dir, markName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, CannotRead(path, err)
	}
	if len(text) != markSize || text[0] != markFormat ||
		crc32.Checksum(text[:markSize-4], castagnoli) != binary.BigEndian.Uint32(text[markSize-4:]) {
		return m, nil
	}
	m.commits = binary.BigEndian.Uint64(text[1:])
	copy(m.manifest.beginning[:], text[9:])
	m.manifest.size = int64(binary.BigEndian.Uint64(text[17:]))
	return m, nil
}

package badgerstore

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

// syncedName is the file that tells, beside the database, how far it has got. A
// database that opens with less has lost its end.
const syncedName = "SYNCED"

// syncedForm is the file's first byte. Another one, or none, is no witness.
const syncedForm = 2

// syncedSize: form, commits, the manifest's beginning and size, CRC-32C; big-endian.
const syncedSize = 1 + 8 + 8 + 8 + 4

// synced is what is on disk.
type synced struct {
	commits  uint64 // the number of the last
	manifest manifestExtent
}

// syncedMark writes the file, and keeps it open: each commit does. Only Open, then
// the committer, and then Close use it.
type syncedMark struct {
	dir  string
	file *os.File // nil until begin found nothing missing
	last synced
	// manifest is the list of tables as it was when it was last looked at.
	manifest fs.FileInfo
}

// begin compares the last commit that the database opened with, and the last that
// it had once. Unless commits are missing, they are noted from now on.
func (m *syncedMark) begin(commits uint64) error {
	path := filepath.Join(m.dir, syncedName)
	had, err := readSynced(m.dir)
	if err != nil {
		return err
	}
	if had.commits > commits {
		return fmt.Errorf("%w: it ends with commit %d and had %d once, so that its latest part is missing: restore a backup, or remove the file %s to go on without it",
			errDamagedFiles, commits, had.commits, path)
	}
	if m.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("note what is synced: %w", err)
	}
	return nil
}

// note takes down the number of a commit that is on disk, and how much of the
// manifest is. The file is not synced: it may fall behind the database, never the
// other way round. An error is no harm either.
func (m *syncedMark) note(commits uint64) error {
	if m.file == nil {
		return nil
	}
	now := synced{commits: commits, manifest: m.last.manifest}
	err := m.lookAtManifest(&now)
	if now == m.last {
		return err
	}
	m.last = now
	_, failed := m.file.WriteAt(now.encode(), 0)
	return errors.Join(err, failed)
}

// lookAtManifest measures and syncs the manifest if it has changed, which it does
// with each table.
func (m *syncedMark) lookAtManifest(now *synced) error {
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

func (m *syncedMark) close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

func (s *synced) encode() []byte {
	text := append(make([]byte, 0, syncedSize), syncedForm)
	text = binary.BigEndian.AppendUint64(text, s.commits)
	text = append(text, s.manifest.beginning[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(s.manifest.size))
	return binary.BigEndian.AppendUint32(text, crc32.Checksum(text, castagnoli))
}

// readSynced reads what was noted. It is zero if nothing was, or if that is
// damaged: it is only a second witness.
func readSynced(dir string) (s synced, err error) {
	path := filepath.Join(dir, syncedName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, cannotRead(path, err)
	}
	if len(text) != syncedSize || text[0] != syncedForm ||
		crc32.Checksum(text[:syncedSize-4], castagnoli) != binary.BigEndian.Uint32(text[syncedSize-4:]) {
		return s, nil
	}
	s.commits = binary.BigEndian.Uint64(text[1:])
	copy(s.manifest.beginning[:], text[9:])
	s.manifest.size = int64(binary.BigEndian.Uint64(text[17:]))
	return s, nil
}

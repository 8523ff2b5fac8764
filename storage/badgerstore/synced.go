package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// syncedName is the file that tells, beside the database, how far it has got: the
// largest Seq on disk. A database that opens with less has lost its end.
const syncedName = "SYNCED"

const syncedSize = 8 + 4 // Seq, CRC-32C

// syncedMark writes the file, and keeps it open: each commit does. Only the
// committer, and then Close, use it.
type syncedMark struct {
	path string
	file *os.File // nil before the first note
	seq  uint64
}

// note takes down a Seq that is on disk. The file is not synced: it may fall
// behind the database, never the other way round. An error is no harm either.
func (m *syncedMark) note(seq uint64) error {
	if seq <= m.seq {
		return nil
	}
	m.seq = seq
	text := binary.BigEndian.AppendUint64(make([]byte, 0, syncedSize), seq)
	text = binary.BigEndian.AppendUint32(text, crc32.Checksum(text, castagnoli))
	if m.file == nil {
		file, err := os.OpenFile(m.path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("note what is synced: %w", err)
		}
		m.file = file
	}
	_, err := m.file.WriteAt(text, 0)
	return err
}

func (m *syncedMark) close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

// checkSynced compares what the database opened with, and what it had once.
func checkSynced(dir string, seq uint64) error {
	text, err := os.ReadFile(filepath.Join(dir, syncedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // from before there was such a file
	}
	if err != nil {
		return err
	}
	if len(text) != syncedSize || crc32.Checksum(text[:8], castagnoli) != binary.BigEndian.Uint32(text[8:]) {
		return nil // torn while it was written; it is only a second witness
	}
	if had := binary.BigEndian.Uint64(text); had > seq {
		return fmt.Errorf("%w: it ends at %d and went up to %d once, so that its latest part is missing: restore a backup, or remove the file %s to go on without it",
			errDamagedFiles, seq, had, filepath.Join(dir, syncedName))
	}
	return nil
}

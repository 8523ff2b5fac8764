package badgerstore

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/engine/enginetest"
	"github.com/corpastro/astrohook/webhook"
)

// TestDamagedBlockBreaksTheStore reads a damaged table. Badger takes a block that it
// cannot read for an empty one; the store must return ErrBroken for the block's records,
// and not ErrNotFound.
func TestDamagedBlockBreaksTheStore(t *testing.T) {
	if !engine.Patched() {
		t.Skip("upstream's Badger does not report damaged blocks")
	}
	for name, damage := range map[string]func(t *testing.T, path string){"a bit": enginetest.Rot, "a page": enginetest.Wipe} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir)
			ids := acceptMany(t, s, 2000, 1)
			if err := s.Close(); err != nil { // which writes a table
				t.Fatal(err)
			}
			tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
			if err != nil || len(tables) != 1 {
				t.Fatal(tables, err)
			}
			damage(t, tables[0])
			synctest.Test(t, func(t *testing.T) { // the scrub rests before its first table
				s := openTest(t, dir)
				for _, id := range ids {
					_, err := s.Event(t.Context(), id)
					if err != nil && (!errors.Is(err, webhook.ErrBroken) || !strings.Contains(err.Error(), tables[0])) {
						t.Fatal("read:", err)
					}
				}
				if s.Err() == nil {
					t.Error("everything was read, and no damage found")
				}
			})
		})
	}
}

// TestBackupOfWhatRots: a backup of a damaged directory must fail rather than lack the
// damaged block.
func TestBackupOfWhatRots(t *testing.T) {
	if !engine.Patched() {
		t.Skip("upstream's Badger does not report damaged blocks")
	}
	dir := dirWithTable(t)
	s := openTest(t, dir)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	enginetest.Rot(t, tables[0])
	if err := s.Backup(t.Context(), io.Discard); !errors.Is(err, engine.ErrDamaged) || s.Err() == nil {
		t.Error(err, s.Err())
	}
}

// dirWithTable makes a store with 2,000 events for the endpoints 1 and 2, all in a table.
func dirWithTable(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s := openTest(t, dir)
	acceptMany(t, s, 2000, 1, 2)
	if err := s.Close(); err != nil { // which writes the table
		t.Fatal(err)
	}
	return dir
}

package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
	"golang.org/x/sys/unix"

	"github.com/corpastro/astrohook/storage/badgerstore/engine/enginetest"
)

// These tests show what the patches are for. Each fails without the patch in whose header
// it is named.

// patchKeys is how many keys fillTables writes.
const patchKeys = 20_000

// fillTables makes a database with small tables in level 0 that overlap, without
// compactors: a test calls Flatten when it wants a compaction.
func fillTables(t *testing.T, dir string) (*badger.DB, *logger) {
	t.Helper()
	db, _ := openSmall(t, dir)
	for from := 0; from < patchKeys; from += 100 {
		err := db.Update(func(tx *badger.Txn) error {
			var errs []error
			for n := range 100 {
				errs = append(errs, tx.Set(patchKey((from+n)*7919%patchKeys), make([]byte, 1000)))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return openSmall(t, dir)
}

func openSmall(t *testing.T, dir string) (*badger.DB, *logger) {
	t.Helper()
	log := newLogger(slog.New(slog.DiscardHandler))
	db, err := badger.Open(badgerOptions(Options{Dir: dir, NoSync: true}, log).
		WithNumCompactors(0).WithMemTableSize(2 << 20).WithBaseTableSize(1 << 20).WithValueThreshold(1 << 16))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, log
}

// missing counts the keys that cannot be read.
func missing(t *testing.T, db *badger.DB) (n int) {
	t.Helper()
	err := db.View(func(tx *badger.Txn) error {
		for k := range patchKeys {
			if _, err := tx.Get(patchKey(k)); errors.Is(err, badger.ErrKeyNotFound) {
				n++
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTableThatCannotBeWritten lets a compaction fail to make some, or all, of its
// tables. The compaction must fail as a whole, because its inputs hold the only copy.
func TestTableThatCannotBeWritten(t *testing.T) {
	needPatch(t)
	for name, blocked := range map[string]func(n uint64) bool{
		"the second":  func(n uint64) bool { return n == 1 },
		"every third": func(n uint64) bool { return n%3 == 2 },
		"all":         func(uint64) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db, log := fillTables(t, dir)
			next := nextTable(t, dir)
			for n := range uint64(1000) {
				if blocked(n) {
					blockTable(t, dir, next+n)
				}
			}
			if err := db.Flatten(1); err == nil {
				t.Error("a compaction without some of its tables succeeded")
			}
			if log.failed == nil || !strings.HasPrefix(log.failed.Error(), "compaction failed: while creating table: "+dir) {
				t.Error("the failure that is reported:", log.failed)
			}
			if n := missing(t, db); n > 0 {
				t.Errorf("%d of %d keys are lost", n, patchKeys)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db, _ = openSmall(t, dir)
			if n := missing(t, db); n > 0 {
				t.Errorf("%d of %d keys are lost after a restart", n, patchKeys)
			}
		})
	}
}

// nextTable returns the number of the next table that Badger makes.
func nextTable(t *testing.T, dir string) (next uint64) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) < 5 {
		t.Fatal(len(tables), "tables", err)
	}
	for _, path := range tables {
		id, ok := table.ParseFileID(filepath.Base(path))
		if !ok {
			t.Fatal(path)
		}
		next = max(next, id+1)
	}
	return next
}

// blockTable keeps a table from being made: Badger fails if the file exists.
func blockTable(t *testing.T, dir string, id uint64) {
	t.Helper()
	if err := os.WriteFile(table.NewFilename(id, dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestManifestThatCannotBeSynced lets an entry reach the manifest, and the sync after it
// fail. Nobody knows then whether the entry is on disk, so the tables that it adds and
// those that it removes must all exist at the next start.
func TestManifestThatCannotBeSynced(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	db, _ := fillTables(t, dir)
	entries := divertManifest(t, dir)
	for range 3 { // however often it is tried
		if err := db.Flatten(1); err == nil {
			t.Error("a compaction succeeded without its manifest")
		}
	}
	without := filepath.Join(t.TempDir(), "without")
	if err := os.CopyFS(without, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	appendTo(t, filepath.Join(dir, badger.ManifestFilename), entries())
	if err := db.Close(); err != nil {
		t.Log(err)
	}
	for name, dir := range map[string]string{"with": dir, "without": without} {
		db, _ := openSmall(t, dir)
		if n := missing(t, db); n > 0 {
			t.Errorf("%s the entry %d of %d keys are lost", name, n, patchKeys)
		}
	}
}

// divertManifest puts a pipe, which accepts writes and refuses syncs, in the place of the
// open manifest. entries returns what was written.
func divertManifest(t *testing.T, dir string) (entries func() []byte) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	divert(t, filepath.Join(dir, badger.ManifestFilename), in)
	return func() []byte {
		if err := errors.Join(in.Close(), unix.SetNonblock(int(out.Fd()), true)); err != nil {
			t.Fatal(err)
		}
		return readPipe(t, out)
	}
}

// divert puts another file in the place of one that this process has open.
func divert(t *testing.T, path string, to *os.File) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != path {
			continue
		}
		var fd int
		if _, err := fmt.Sscan(filepath.Base(link), &fd); err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup3(int(to.Fd()), fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal(path, "is not open")
}

// readPipe reads the content of a pipe, which must be one entry of the manifest.
func readPipe(t *testing.T, out *os.File) []byte {
	t.Helper()
	text := make([]byte, 64<<10)
	n, err := unix.Read(int(out.Fd()), text)
	if err != nil || n < 8 {
		t.Fatal(n, "bytes in the manifest's pipe", err)
	}
	if size := binary.BigEndian.Uint32(text); int(size)+8 != n {
		t.Errorf("%d bytes were written, more than one entry of %d", n, size)
	}
	return text[:n]
}

func appendTo(t *testing.T, path string, text []byte) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestTableThatRots: a damaged table must neither be merged away nor stay unnoticed.
func TestTableThatRots(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	db, log := fillTables(t, dir)
	synctest.Test(t, func(t *testing.T) { // a scrub pauses between tables
		if err := scrub(t.Context(), db, scrubRate); err != nil {
			t.Error("before:", err)
		}
	})
	rotten := table.NewFilename(nextTable(t, dir)-3, dir)
	enginetest.Rot(t, rotten)
	if err := scrub(t.Context(), db, scrubRate); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), rotten) {
		t.Error("scrub:", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := scrub(stopped, db, scrubRate); err != nil {
		t.Error("a scrub that was stopped:", err)
	}
	if err := db.Flatten(1); err == nil || log.failed == nil || !strings.Contains(log.failed.Error(), rotten) {
		t.Error("compaction:", err, log.failed)
	}
	if _, err := os.Stat(rotten); err != nil {
		t.Error("the damaged table is gone:", err)
	}
}

// TestDailyScrub lets a table rot under a database that has nothing else to do.
func TestDailyScrub(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	fill(t, dir, 2000)
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, dir)
		failed := make(chan error, 1)
		db.OnFailure(func(err error) { failed <- err })
		time.Sleep(scrubInterval + time.Hour)
		select {
		case err := <-failed:
			t.Fatal("without damage:", err)
		default:
		}
		path := onlyFile(t, dir, "*.sst")
		enginetest.Rot(t, path)
		select {
		case err := <-failed:
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Error(err)
			}
		case <-time.After(scrubInterval):
			t.Fatal("not noticed")
		}
	})
}

// TestDamagedBlockIsReported reads a damaged table. Badger takes a block that it cannot
// read for an empty one; the failure must be reported before the read returns.
func TestDamagedBlockIsReported(t *testing.T) {
	needPatch(t)
	for name, damage := range map[string]func(t *testing.T, path string){"a bit": enginetest.Rot, "a page": enginetest.Wipe} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, 2000)
			path := onlyFile(t, dir, "*.sst")
			damage(t, path)
			synctest.Test(t, func(t *testing.T) { // the scrub pauses before its first table
				db := openTest(t, dir)
				var failed error
				db.OnFailure(func(err error) { failed = err })
				for n := 0; n < 2000 && failed == nil; n++ {
					if !exists(t, db, patchKey(n)) && failed == nil {
						t.Fatalf("key %d is missing and no failure reported", n)
					}
				}
				if !errors.Is(failed, ErrDamaged) || !strings.Contains(failed.Error(), path) {
					t.Error("everything was read:", failed)
				}
			})
		})
	}
}

// TestVerifyNow: a backup calls VerifyNow first, so that it does not silently lack a
// damaged block.
func TestVerifyNow(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	fill(t, dir, 2000)
	db := openTest(t, dir)
	if err := db.VerifyNow(t.Context()); err != nil {
		t.Error("without damage:", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := db.VerifyNow(stopped); !errors.Is(err, context.Canceled) {
		t.Error("stopped:", err)
	}
	var failed error
	db.OnFailure(func(err error) { failed = err })
	enginetest.Rot(t, onlyFile(t, dir, "*.sst"))
	if err := db.VerifyNow(t.Context()); !errors.Is(err, ErrDamaged) || !errors.Is(failed, ErrDamaged) {
		t.Error("with damage:", err, failed)
	}
}

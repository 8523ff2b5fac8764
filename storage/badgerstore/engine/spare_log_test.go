//go:build !unpatched

package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// TestLogsAreReused: a database that is busy makes a spare log, which becomes the next
// one, and the log that is left becomes the spare one, also after a restart. Whatever is
// read came from the commits.
func TestLogsAreReused(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, Options{Dir: dir})
	if w.spare.path == "" {
		t.Skip("the disk is too small for a spare log")
	}
	keys := 0
	commit := func(n int) {
		for range n {
			w.commit(t, keys, keys+1)
			keys++
		}
	}
	commit(fillAfter)
	first := waitForSpare(t, dir)
	commit(2) // the first of them learns of the spare log
	if !logIsFilled(w.badger) || !os.SameFile(newestLog(t, dir), first) {
		t.Fatal("the log in use is not the spare one")
	}
	waitForSpareOrTable(t, w)
	w.EndLog()
	commit(2)
	second := waitForSpare(t, dir)
	if !os.SameFile(first, second) {
		t.Error("the log that was left is not the spare one")
	}
	closed(t, w)
	if w = openWriter(t, Options{Dir: dir}); logIsFilled(w.badger) {
		t.Error("a database begins with a spare log: the commit that learns of it was to come")
	}
	commit(2)
	if !logIsFilled(w.badger) {
		t.Error("after a restart the spare log is not used")
	}
	holds(t, w.DB, keys)
}

// TestLeftoversAreNotReplayed: a log whose file was another one before is replayed after a
// kill, and what the earlier log left behind its end is not, although its entries begin
// just where an entry could.
func TestLeftoversAreNotReplayed(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, Options{Dir: dir})
	if w.spare.path == "" {
		t.Skip("the disk is too small for a spare log")
	}
	w.spare.making()
	waitForSpare(t, dir)
	w.commit(t, 0, 1)
	w.commit(t, 1, 1000)    // in the log that was the spare one
	w.commit(t, 1000, 1001) // of one size with the commits after the next log has begun
	left := readFile(t, newestLogPath(t, dir))
	w.EndLog()
	w.commit(t, 2000, 2001)
	waitForSpare(t, dir)
	w.EndLog()
	w.commit(t, 3000, 3999)
	log := readFile(t, newestLogPath(t, dir))
	end, whole := logEnd(log, logSeed(log))
	if end != whole || end < logHeaderSize+1000 {
		t.Fatal(end, whole)
	}
	// The zeros behind the last transaction did not reach the disk.
	copy(log[end:], left[end:])
	if size, _ := entrySize(log[end:], logSeed(left)); size == 0 {
		t.Fatal("no entry of the earlier log begins where the log ends")
	}
	other := t.TempDir()
	closed(t, openWriter(t, Options{Dir: other}))
	if err := os.WriteFile(filepath.Join(other, "00042.mem"), log, 0o600); err != nil {
		t.Fatal(err)
	}
	replayed, err := open(Options{Dir: other}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replayed.Close(nil, func() {}) }()
	if got := replayed.Replayed().Transactions; got != 1 {
		t.Errorf("%d transactions were replayed, want 1", got)
	}
	if n := keysIn(replayed); n != 999 {
		t.Errorf("%d keys, want the 999 of the log", n)
	}
}

// TestSpareLogNeedsSpace: none is made while the disk is short of space, and a full disk
// takes it away.
func TestSpareLogNeedsSpace(t *testing.T) {
	dir := t.TempDir()
	made := 0
	s := spareLog{path: filepath.Join(dir, spareName), needs: 100, making: func() { made++ }}
	db := openTest(t, t.TempDir()).badger
	for range 2 * fillAfter {
		s.committed(db, func() (int64, error) { return 99, nil })
	}
	if s.making != nil || made != 0 {
		t.Error("a spare log was made without space")
	}
	if err := os.WriteFile(s.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.drop()
	if _, err := os.Lstat(s.path); !os.IsNotExist(err) {
		t.Error(err)
	}
	(&spareLog{}).drop() // a database that has none
}

// TestSpareLogOfSmallDisks: where logs are small there is none.
func TestSpareLogOfSmallDisks(t *testing.T) {
	for _, c := range []struct {
		dir  string
		disk uint64
		want bool
	}{{"/d", 150 << 20, false}, {"/d", 1 << 30, false}, {"/d", 2 << 30, true}, {"", 2 << 30, false}} {
		if got := newSpareLog(c.dir, sizesFor(c.disk)).path != ""; got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestFillIsGivenUp: a close in the middle leaves nothing behind.
func TestFillIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 3*fillPause+fillPause/2)
		defer stop()
		s := spareLog{path: filepath.Join(t.TempDir(), spareName), size: 10 * fillChunk, made: make(chan struct{}, 1)}
		if err := s.fill(ctx, s.path+".new"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		s.make(ctx)
		files, err := os.ReadDir(filepath.Dir(s.path))
		if err != nil || len(files) != 0 || len(s.made) != 0 {
			t.Error(files, err, len(s.made))
		}
	})
}

func waitForSpare(t *testing.T, dir string) os.FileInfo {
	t.Helper()
	for range 6000 {
		if info, err := os.Stat(filepath.Join(dir, spareName)); err == nil {
			return info
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no spare log was made within a minute")
	return nil
}

// waitForSpareOrTable waits until the first log, which was not filled, has gone.
func waitForSpareOrTable(t *testing.T, w *writer) {
	t.Helper()
	for range 6000 {
		if _, waiting := logState(w.badger); waiting == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the first log did not become a table within a minute")
}

func newestLogPath(t *testing.T, dir string) string {
	t.Helper()
	logs, err := logsIn(dir)
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	return slices.Max(logs)
}

func newestLog(t *testing.T, dir string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(newestLogPath(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// keysIn counts the keys of the tests in a database.
func keysIn(db *DB) (n int) {
	tx := db.NewTransaction(false)
	defer tx.Discard()
	it := tx.NewIterator(badger.IteratorOptions{Prefix: patchKey(0)[:1]})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if !slices.Equal(it.Item().Key(), commitsKey) {
			n++
		}
	}
	return n
}

// holds fails unless a database has the keys below a number.
func holds(t *testing.T, db *DB, keys int) {
	t.Helper()
	tx := db.NewTransaction(false)
	defer tx.Discard()
	for n := range keys {
		if _, err := tx.Get(patchKey(n)); err != nil {
			t.Fatal(n, err)
		}
	}
}

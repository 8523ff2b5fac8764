package engine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestOpenAfterKillWhileCreatingFiles: log files that were created but not sized when
// the process was killed hold nothing, and do not keep the database from opening.
func TestOpenAfterKillWhileCreatingFiles(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, Options{Dir: dir})
	w.commit(t, 0, 1)
	closed(t, w)
	for _, name := range []string{"00099.mem", "000099.vlog"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if w = openWriter(t, Options{Dir: dir}); !exists(t, w.DB, patchKey(0)) {
		t.Error("what was committed is gone")
	}
}

// TestReplayed: what an open finds of the end before it.
func TestReplayed(t *testing.T) {
	dir, killed := t.TempDir(), filepath.Join(t.TempDir(), "killed")
	w := openWriter(t, Options{Dir: dir})
	if got := w.Replayed(); got != (Replay{New: true}) {
		t.Errorf("the first open: %+v", got)
	}
	w.commit(t, 0, 10)
	closed(t, w)
	w = openWriter(t, Options{Dir: dir})
	if got := w.Replayed(); got != (Replay{}) {
		t.Errorf("after a clean end: %+v", got)
	}
	w.commit(t, 10, 20)
	w.commit(t, 20, 30)
	copyKilled(t, dir, killed)
	if got := openWriter(t, Options{Dir: killed}).Replayed(); got.New || got.Logs != 1 || got.Transactions != 2 || got.Bytes < 4000 {
		t.Errorf("after a kill: %+v", got)
	}
}

func TestOpenRefusesASecondProcess(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir)
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := With(dir, func(*DB) error { return nil }); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
}

// TestSyncIsTheDefault: a commit is on disk when it returns, unless NoSync says otherwise.
func TestSyncIsTheDefault(t *testing.T) {
	for _, noSync := range []bool{false, true} {
		db := openWriter(t, Options{Dir: t.TempDir(), NoSync: noSync})
		if db.badger.Opts().SyncWrites == noSync {
			t.Error("NoSync", noSync, "is not what Badger was opened with")
		}
	}
}

// TestWith: the database is closed whatever use returns, and use's error comes back.
func TestWith(t *testing.T) {
	dir, mine := t.TempDir(), errors.New("mine")
	for _, want := range []error{nil, mine} {
		if err := With(dir, func(*DB) error { return want }); !errors.Is(err, want) {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, ballastName)); !errors.Is(err, os.ErrNotExist) {
		t.Error("a ballast was made:", err)
	}
	err := With(dir, func(db *DB) error {
		db.log.Errorf(flushFailed+": %v", os.ErrClosed)
		return nil
	})
	if err == nil {
		t.Error("a failure while use ran is not reported")
	}
}

// TestCloseDrainsFirst: reads and writes end before the files are closed.
func TestCloseDrainsFirst(t *testing.T) {
	db := openTest(t, t.TempDir())
	readable := false
	if err := db.Close(nil, func() { readable = !exists(t, db, []byte("none")) }); err != nil || !readable {
		t.Error(err, readable)
	}
}

// TestCloseOfAFailedDisk does not wait for what will not end.
func TestCloseOfAFailedDisk(t *testing.T) {
	for name, c := range map[string]struct {
		fail func(db *DB, broken chan struct{})
		want error
	}{
		"broken": {func(_ *DB, broken chan struct{}) { close(broken) }, errAbandoned},
		"full": {func(db *DB, _ chan struct{}) {
			db.log.Errorf(flushFailed + ": no space left on device")
		}, errLeftFull},
	} {
		w, err := startWriter(Options{Dir: t.TempDir(), NoSync: true}) // closed by the test itself
		if err != nil {
			t.Fatal(err)
		}
		db := w.DB
		broken, stuck, draining := make(chan struct{}), make(chan struct{}), make(chan struct{})
		drained := make(chan struct{})
		go func() { <-draining; c.fail(db, broken) }()
		if err := db.Close(broken, func() { close(draining); <-stuck; close(drained) }); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		close(stuck)
		<-drained
		_ = db.badger.Close() // returns when the abandoned close has ended
	}
}

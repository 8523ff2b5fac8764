package badgerstore

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
)

// restoreChild makes the test binary a restore that is killed at a step: the file,
// the directory and the step, one a line.
const restoreChild = "BADGERSTORE_RESTORE_CHILD"

func runRestoreChild(text string) {
	words := strings.Split(text, "\n")
	reached = func(step string) {
		if step == words[2] {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	if _, err := RestoreDir(words[0], words[1], nil); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// killRestore runs a restore, and kills it at a step.
func killRestore(t *testing.T, file, dir, step string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), restoreChild+"="+strings.Join([]string{file, dir, step}, "\n"))
	out, err := child.CombinedOutput()
	status, is := child.ProcessState.Sys().(syscall.WaitStatus)
	if err == nil || !is || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%s: it was not killed: %v\n%s", step, err, out)
	}
}

// someBackup makes a backup with tables and a log in it.
func someBackup(t *testing.T) (file string, report CheckReport) {
	t.Helper()
	base := t.TempDir()
	dir, file := filepath.Join(base, "source"), filepath.Join(base, "backup")
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ids := acceptMany(t, s, 500, 1, 2)
	settle(t, s, delivered(ids[0].For(1)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err = BackupDir(dir, file, nil); err != nil {
		t.Fatal(err)
	}
	return file, report
}

// TestKilledRestore kills a restore at each of its steps. Then the directory is
// whole, or as it was before, or refused by everything that would use it; and when
// what it left is removed it can be restored.
func TestKilledRestore(t *testing.T) {
	file, report := someBackup(t)
	for _, c := range []struct {
		step string
		want error // by which the directory is refused
	}{
		{"parent made", errNoData},
		{"staged", errUnfinished},
		{"target removed", errUnfinished},
		{"loaded", errUnfinished},
		{"compared", errUnfinished},
		{"checked", errUnfinished},
		{"synced", errUnfinished},
		{"renamed", nil},
	} {
		dir := filepath.Join(t.TempDir(), "data", "store")
		killRestore(t, file, dir, c.step)
		if errors.Is(c.want, errUnfinished) {
			s, err := Open(Options{Dir: dir})
			if !errors.Is(err, errUnfinished) || !strings.Contains(err.Error(), dir+stagingSuffix) {
				t.Errorf("%s: open: %v", c.step, err)
			}
			if err == nil {
				s.Close()
			}
			if _, err := RestoreDir(file, dir, nil); !errors.Is(err, errUnfinished) {
				t.Errorf("%s: restore once more: %v", c.step, err)
			}
		}
		if got, err := CheckDir(dir, nil, nil); !errors.Is(err, c.want) || c.want == nil && got != report {
			t.Errorf("%s: check: %+v, %v", c.step, got, err)
		}
		if _, err := BackupDir(dir, filepath.Join(t.TempDir(), "backup"), nil); !errors.Is(err, c.want) {
			t.Errorf("%s: back up: %v", c.step, err)
		}
		if c.want == nil {
			continue
		}
		if err := os.RemoveAll(dir + stagingSuffix); err != nil {
			t.Fatal(err)
		}
		if got, err := RestoreDir(file, dir, nil); err != nil || got != report {
			t.Errorf("%s: restored after all: %+v, %v", c.step, got, err)
		}
	}
}

// TestRestoreInto: what may be where the directory is to be.
func TestRestoreInto(t *testing.T) {
	file, report := someBackup(t)
	for name, c := range map[string]struct {
		prepare func(dir string) error
		want    error
	}{
		"nothing":            {func(string) error { return nil }, nil},
		"an empty directory": {func(dir string) error { return os.MkdirAll(dir, 0o700) }, nil},
		"other data":         {func(dir string) error { return os.MkdirAll(filepath.Join(dir, "lost+found"), 0o700) }, errNotEmpty},
		"a file": {func(dir string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(dir), 0o700), os.WriteFile(dir, nil, 0o600))
		}, errNotADir},
		"a link": {func(dir string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(dir), 0o700), os.Symlink(t.TempDir(), dir))
		}, errNotADir},
	} {
		dir := filepath.Join(t.TempDir(), "data", "store")
		if err := c.prepare(dir); err != nil {
			t.Fatal(err)
		}
		got, err := RestoreDir(file, dir, nil)
		if !errors.Is(err, c.want) || err == nil && got != report {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.want)
		}
		if _, err := os.Lstat(dir + stagingSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: left behind: %v", name, err)
		}
	}
}

// TestCompareWithBackup: a record that is missing, changed or too many is found.
func TestCompareWithBackup(t *testing.T) {
	file, _ := someBackup(t)
	open, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	b, err := checkBackup(open, nil)
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.lists().next()
	if err != nil {
		t.Fatal(err)
	}
	record := list.Kv[len(list.Kv)/2]
	write := func(records ...*pb.KV) func(*engine.DB) error {
		return func(db *engine.DB) error {
			var list bytes.Buffer
			if err := writeList(&list, &pb.KVList{Kv: records}); err != nil {
				return err
			}
			return db.Load(&list, 1)
		}
	}
	later := record.Version + 1000
	for name, c := range map[string]struct {
		change func(*engine.DB) error
		want   error
	}{
		"the same":            {func(*engine.DB) error { return nil }, nil},
		"changed":             {write(&pb.KV{Key: record.Key, Value: append(bytes.Clone(record.Value), 1), Version: later}), errNotRestored},
		"removed":             {write(&pb.KV{Key: record.Key, Version: later, ExpiresAt: 1}), errNotRestored},
		"too many":            {write(&pb.KV{Key: append(bytes.Clone(record.Key), 1), Version: later}), errNotRestored},
		"one more at the end": {write(&pb.KV{Key: []byte{0xff}, Version: later}), errNotRestored},
	} {
		dir := t.TempDir()
		if err := errors.Join(load(b, dir), engine.With(dir, c.change)); err != nil {
			t.Fatal(err)
		}
		if err := compare(b, dir); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestCompareExpired: a record that expired since the backup was made may be gone.
func TestCompareExpired(t *testing.T) {
	dir := t.TempDir()
	err := engine.With(dir, func(db *engine.DB) error {
		tx := db.NewTransaction(false)
		defer tx.Discard()
		it := tx.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		it.Rewind()
		past, future := uint64(time.Now().Add(-time.Hour).Unix()), uint64(time.Now().Add(time.Hour).Unix())
		if err := compareRecord(it, &pb.KV{Key: []byte("a"), ExpiresAt: past}); err != nil {
			t.Error(err)
		}
		for _, expires := range []uint64{0, future} {
			if err := compareRecord(it, &pb.KV{Key: []byte("a"), ExpiresAt: expires}); !errors.Is(err, errNotRestored) {
				t.Errorf("expires at %d: %v", expires, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

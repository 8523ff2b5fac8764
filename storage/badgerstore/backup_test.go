package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestBackup takes a backup to another directory, and back again byte for byte.
func TestBackup(t *testing.T) {
	base := t.TempDir()
	dir, file, again := filepath.Join(base, "a"), filepath.Join(base, "backup"), filepath.Join(base, "b")
	s := openTest(t, dir)
	ids := acceptMany(t, s, 500, 1, 2)
	settle(t, s, delivered(ids[0].For(1)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	had, err := BackupDir(dir, file, nil)
	if err != nil || had.Events != 500 || had.Queued != 999 || had.Delivered != 1 {
		t.Fatalf("%+v, %v", had, err)
	}
	if _, err := BackupDir(dir, file, nil); !errors.Is(err, os.ErrExist) {
		t.Error("a backup was overwritten:", err)
	}
	if got, err := RestoreDir(file, again, nil); err != nil || got != had {
		t.Errorf("restored %+v of %+v: %v", got, had, err)
	}
	if _, err := RestoreDir(file, again, nil); !errors.Is(err, errNotEmpty) {
		t.Error("restored over other data:", err)
	}
	r := openTest(t, again)
	if r.LastSeq() != ids[499].Seq {
		t.Error("the last id is", r.LastSeq())
	}
}

// TestProgress: a backup, a restore and a check say how far they are, never backwards, and
// are near their totals at the end.
func TestProgress(t *testing.T) {
	base := t.TempDir()
	dir, file := filepath.Join(base, "a"), filepath.Join(base, "backup")
	s := openTest(t, dir)
	acceptMany(t, s, 20_000, 1, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var done, total int64
	calls := 0
	progress := func(d, all int64) {
		if d < done || d > all {
			t.Errorf("%d of %d after %d", d, all, done)
		}
		done, total, calls = d, all, calls+1
	}
	for _, c := range []struct {
		name string
		work func() (CheckReport, error)
	}{
		{"backup", func() (CheckReport, error) { return BackupDir(dir, file, progress) }},
		{"restore", func() (CheckReport, error) { return RestoreDir(file, filepath.Join(base, "b"), progress) }},
		{"check", func() (CheckReport, error) { return CheckDir(dir, nil, progress) }},
	} {
		done, total, calls = 0, 0, 0
		if _, err := c.work(); err != nil {
			t.Fatal(c.name, err)
		}
		if calls < 4 || done < total/2 {
			t.Errorf("%s: %d calls, the last of which said %d of %d", c.name, calls, done, total)
		}
	}
}

func TestRestoreRefusesWhatIsNotWhole(t *testing.T) {
	base := t.TempDir()
	s := openTest(t, filepath.Join(base, "a"))
	acceptMany(t, s, 50, 1)
	var whole bytes.Buffer
	if err := s.Backup(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole.Bytes())
	flipped[whole.Len()/2] ^= 1
	for name, text := range map[string][]byte{
		"empty": nil, "cut": whole.Bytes()[:whole.Len()-1], "title": []byte(backupTitle), "flipped": flipped,
	} {
		path := filepath.Join(base, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := RestoreDir(path, filepath.Join(base, "b"), nil); !errors.Is(err, errNoBackup) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// meanwhile is a writer that lets something happen before the first write to it.
type meanwhile struct {
	bytes.Buffer
	once sync.Once
	act  func()
}

func (m *meanwhile) Write(p []byte) (int, error) {
	m.once.Do(m.act)
	return m.Buffer.Write(p)
}

// TestBackupOfOneMoment has everything move while a backup is being written.
// It holds what was there when it began, each thing once, and nothing that came later.
func TestBackupOfOneMoment(t *testing.T) {
	const events = 5000
	base := t.TempDir()
	s := openTest(t, filepath.Join(base, "a"))
	ids := acceptMany(t, s, events, 1, 2)
	w := &meanwhile{act: func() {
		done := make(chan error, events)
		for i, id := range ids {
			s.Settle(delivered(id.For(webhook.EndpointNumber(i%2+1))), func(err error) { done <- err })
		}
		for range ids {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		acceptMany(t, s, 100, 1, 2)
	}}
	if err := s.Backup(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(base, "backup")
	if got, err := SaveBackup(bytes.NewReader(w.Bytes()), file); err != nil || got != (CheckReport{Events: events, Queued: 2 * events}) {
		t.Fatalf("saved %+v: %v", got, err)
	}
	got, err := RestoreDir(file, filepath.Join(base, "b"), nil)
	if err != nil || got != (CheckReport{Events: events, Queued: 2 * events}) {
		t.Errorf("restored %+v: %v", got, err)
	}
}

// TestBackupEnds when nobody waits for it any more, or takes it.
func TestBackupEnds(t *testing.T) {
	s := openTest(t, t.TempDir())
	acceptMany(t, s, 5000, 1, 2, 3, 4)
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Backup(ctx, &meanwhile{act: cancel}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.Backup(t.Context(), fullDisk{}); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestSaveBackupThatIsCutOff leaves nothing behind.
func TestSaveBackupThatIsCutOff(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, filepath.Join(t.TempDir(), "a"))
	acceptMany(t, s, 50, 1)
	var whole bytes.Buffer
	if err := s.Backup(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, len(backupTitle), whole.Len() / 2, whole.Len() - 1} {
		_, err := SaveBackup(bytes.NewReader(whole.Bytes()[:size]), filepath.Join(dir, "backup"))
		if !errors.Is(err, errNoBackup) {
			t.Errorf("%d bytes of %d: %v", size, whole.Len(), err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Error("left behind:", files, err)
	}
}

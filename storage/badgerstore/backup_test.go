package badgerstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestBackup takes a backup to another directory, and back again byte for byte.
func TestBackup(t *testing.T) {
	base := t.TempDir()
	dir, file, again := filepath.Join(base, "a"), filepath.Join(base, "backup"), filepath.Join(base, "b")
	s := openTest(t, dir)
	ids := acceptMany(t, s, 500, 1, 2)
	done := make(chan error, 1)
	s.Settle(delivered(ids[0].For(1)), func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	had, err := BackupDir(dir, file)
	if err != nil || had.Events != 500 || had.Queued != 999 || had.Delivered != 1 {
		t.Fatalf("%+v, %v", had, err)
	}
	if _, err := BackupDir(dir, file); !errors.Is(err, os.ErrExist) {
		t.Error("a backup was overwritten:", err)
	}
	if got, err := RestoreDir(file, again); err != nil || got != had {
		t.Errorf("restored %+v of %+v: %v", got, had, err)
	}
	if _, err := RestoreDir(file, again); !errors.Is(err, errNotEmpty) {
		t.Error("restored over other data:", err)
	}
	r := openTest(t, again)
	if r.LastSeq() != ids[499].Seq {
		t.Error("the last id is", r.LastSeq())
	}
}

func TestRestoreRefusesWhatIsNotWhole(t *testing.T) {
	base := t.TempDir()
	s := openTest(t, filepath.Join(base, "a"))
	acceptMany(t, s, 50, 1)
	var whole bytes.Buffer
	if err := s.Backup(&whole); err != nil {
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
		if _, err := RestoreDir(path, filepath.Join(base, "b")); !errors.Is(err, errNoBackup) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

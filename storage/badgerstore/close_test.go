package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestCloseWaitsForReads: Badger's files are mapped memory, which a read under way must
// not lose. New reads are refused meanwhile, and no write comes through.
func TestCloseWaitsForReads(t *testing.T) {
	s := openTest(t, t.TempDir())
	if _, err := s.CreateEndpoint(t.Context(), webhook.Endpoint{ID: webhook.ID{Seq: 1}}); err != nil {
		t.Fatal(err)
	}
	reading, finish, read := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		read <- s.EachEndpoint(t.Context(), func(webhook.Endpoint) error {
			close(reading)
			<-finish
			return nil
		})
	}()
	<-reading
	ended := make(chan error, 1)
	go func() { ended <- s.Close() }()
	for { // until Close refuses reads
		_, err := s.Endpoint(t.Context(), 1)
		if errors.Is(err, webhook.ErrShuttingDown) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-ended:
		t.Fatal("Close did not wait:", err)
	default:
	}
	if err := s.CreateEventType(t.Context(), webhook.EventType{Name: "late"}); !errors.Is(err, webhook.ErrShuttingDown) {
		t.Error("a write during Close:", err)
	}
	close(finish)
	if err := errors.Join(<-read, <-ended); err != nil {
		t.Error(err)
	}
	if got := s.SpaceNeeded(); got != 0 {
		t.Errorf("a closed store needs %d bytes", got)
	}
	if err := s.squeeze(t.Context()); err != nil {
		t.Error("a closed store squeezes:", err)
	}
}

// TestCommandsMakeNoStore: a command that reads a directory refuses one without data,
// names it, and leaves it as it was.
func TestCommandsMakeNoStore(t *testing.T) {
	base := t.TempDir()
	empty, missing, file := filepath.Join(base, "empty"), filepath.Join(base, "missing"), filepath.Join(base, "file")
	if err := errors.Join(os.Mkdir(empty, 0o700), os.WriteFile(file, []byte("text"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, missing} {
		if _, err := CheckDir(dir, nil, nil); !errors.Is(err, errNoData) {
			t.Errorf("check of %s: %v", dir, err)
		}
		if _, err := BackupDir(dir, filepath.Join(base, "backup"), nil); !errors.Is(err, errNoData) {
			t.Errorf("backup of %s: %v", dir, err)
		}
	}
	if _, err := CheckDir(file, nil, nil); err == nil || errors.Is(err, errNoData) {
		t.Errorf("check of a file: %v", err)
	}
	if _, err := Open(Options{Dir: file}); err == nil {
		t.Error("a file was opened as a directory")
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory was made: %v", err)
	}
	if _, err := os.Stat(filepath.Join(base, "backup")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a backup was made: %v", err)
	}
}

// TestUsable: a directory is refused as long as a restore into it has not finished, and
// whoever is refused learns what to remove.
func TestUsable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := Usable(dir); err != nil {
		t.Error("a missing directory:", err)
	}
	if err := os.Mkdir(dir+stagingSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, use := range map[string]func() error{
		"Usable":   func() error { return Usable(dir) },
		"Open":     func() error { _, err := Open(Options{Dir: dir}); return err },
		"CheckDir": func() error { _, err := CheckDir(dir, nil, nil); return err },
	} {
		if err := use(); !errors.Is(err, errUnfinished) || !strings.Contains(err.Error(), dir+stagingSuffix) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(dir + stagingSuffix); err != nil {
		t.Fatal(err)
	}
	closed(t, openTest(t, dir))
	if err := Usable(dir); err != nil {
		t.Error("a directory in use:", err)
	}
}

// TestBodiesAreWeighedNowAndThen: each time, Badger looks at all tables.
func TestBodiesAreWeighedNowAndThen(t *testing.T) {
	s := openTest(t, t.TempDir())
	now := time.Now().Add(time.Hour)
	for _, c := range []struct {
		after time.Duration
		want  time.Duration // the last time that counts
	}{{0, 0}, {weighInterval - 1, 0}, {weighInterval, weighInterval}, {weighInterval + 1, weighInterval}} {
		s.weighBodies(now.Add(c.after))
		if got := s.weighed.Sub(now); got != c.want {
			t.Errorf("after %v: weighed last at %v, want %v", c.after, got, c.want)
		}
	}
}

package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corpastro/astrohook/webhook"
)

// blocks is how much of a file is on disk, in bytes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}

// TestRoom: the log that is written has its blocks, and there is a ballast.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	if got := blocks(t, logs[0]); got < logBlocks {
		t.Errorf("%d bytes of the log are on disk, want %d", got, logBlocks)
	}
	if got := blocks(t, filepath.Join(dir, ballastName)); got < ballastSize {
		t.Errorf("%d bytes of the ballast are on disk", got)
	}
}

// TestFailedFlushBreaksTheStore: Badger tells of it in its log only.
func TestFailedFlushBreaksTheStore(t *testing.T) {
	s := openTest(t, t.TempDir())
	log, is := s.db.Opts().Logger.(*badgerLog)
	if !is {
		t.Fatalf("Badger logs to a %T", s.db.Opts().Logger)
	}
	log.Errorf(flushFailed+" to disk: %v, retrying", os.ErrClosed)
	select {
	case <-s.Broken():
	default:
		t.Fatal("the store goes on")
	}
	if err := s.Err(); !errors.Is(err, webhook.ErrBroken) || !strings.Contains(err.Error(), flushFailed) {
		t.Error(err)
	}
}

package badgerstore

import (
	"path/filepath"
	"testing"
)

// TestOpening: what a start reports about the end before it.
func TestOpening(t *testing.T) {
	base := t.TempDir()
	dir, killed := filepath.Join(base, "data"), filepath.Join(base, "killed")
	s := openAndCount(t, dir)
	if got := s.Opening(); !got.New || got.Logs != 0 || got.Pending != 0 || got.Took <= 0 {
		t.Errorf("the first start: %+v", got)
	}
	acceptMany(t, s, 3, 1, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAndCount(t, dir)
	if got := s.Opening(); got.New || got.Logs != 0 || got.Pending != 6 || got.Counting {
		t.Errorf("after a clean stop: %+v", got)
	}
	acceptMany(t, s, 2, 1)
	copyKilled(t, dir, killed)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAndCount(t, killed)
	if got := s.Opening(); got.New || got.Logs != 1 || got.Transactions < 1 || got.Bytes <= 0 || got.Pending != 8 {
		t.Errorf("after a kill: %+v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func openAndCount(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

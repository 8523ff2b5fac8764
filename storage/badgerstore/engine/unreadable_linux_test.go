package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine/enginetest"
)

// filesToRead returns one file of each kind that an open reads.
func filesToRead(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{
		"manifest": filepath.Join(dir, badger.ManifestFilename),
		"mark":     filepath.Join(dir, markName),
		"keys":     filepath.Join(dir, badger.KeyRegistryFileName),
	}
	for name, pattern := range map[string]string{"table": "*.sst", "log": "*.mem"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, found, err)
		}
		files[name] = found[0]
	}
	return files
}

// TestUnreadableIsNotDamaged: a file that may not be read, or that the file system
// cannot read, is no damage. Restoring a backup would lose what is still there.
func TestUnreadableIsNotDamaged(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	fillAndKill(t, whole)
	for name, path := range filesToRead(t, whole) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for fault, c := range map[string]struct {
			make func() error
			want error
		}{
			"no permission": {func() error { return os.Chmod(path, 0) }, syscall.EACCES},
			"a failing read": {func() error { // as a disk with errors does, but with another number
				return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
			}, syscall.EISDIR},
		} {
			if err := c.make(); err != nil {
				t.Fatal(err)
			}
			enginetest.WithoutPrivilege(t, func() {
				w, err := startWriter(Options{Dir: whole})
				if err == nil {
					t.Errorf("%s, %s: opened: %v", name, fault, w.Close(nil, func() {}))
					return
				}
				said := err.Error()
				if errors.Is(err, ErrDamaged) || strings.Contains(said, "damaged") || strings.Contains(said, "backup") {
					t.Errorf("%s, %s: called damaged: %s", name, fault, said)
				}
				if !errors.Is(err, c.want) || !strings.Contains(said, "cannot read "+path+": "+c.want.Error()) {
					t.Errorf("%s, %s: %s", name, fault, said)
				}
			})
			if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, text, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	openWriter(t, Options{Dir: whole}) // everything is as it was
}

// TestDamagedIsNotUnreadable: a file that can be read and is not what it should be is
// damaged. The commit mark is an exception: it is only a second witness.
func TestDamagedIsNotUnreadable(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	fillAndKill(t, whole)
	for name, path := range filesToRead(t, whole) {
		if name == "mark" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := startWriter(Options{Dir: whole}); !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "cannot read "+path+": ") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"table": "is missing", "manifest": "is missing, with "} {
		path := filesToRead(t, whole)[name]
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if _, err := startWriter(Options{Dir: whole}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path+" "+want) {
			t.Errorf("a %s that is missing: %v", name, err)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
}

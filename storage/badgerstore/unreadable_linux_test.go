package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	badger "github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"
)

// withoutPrivilege runs a function in a thread to which the permissions of files
// apply, also when root runs the tests.
func withoutPrivilege(t *testing.T, run func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		done <- dropOverride()
		run()
		close(done)
	}()
	err := <-done
	<-done
	if err != nil {
		t.Fatal("drop the privilege:", err)
	}
}

func dropOverride() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	return unix.Capset(&header, &data[0])
}

// filesToRead are what an open reads, one of each kind.
func filesToRead(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{
		"manifest": filepath.Join(dir, badger.ManifestFilename),
		"synced":   filepath.Join(dir, syncedName),
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
// cannot read, is told as such. A backup would lose what is still there.
func TestUnreadableIsNotDamaged(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	fillForDamage(t, whole)
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
			withoutPrivilege(t, func() {
				s, err := Open(Options{Dir: whole})
				if err == nil {
					t.Errorf("%s, %s: opened: %v", name, fault, s.Close())
					return
				}
				said := err.Error()
				if errors.Is(err, errDamagedFiles) || strings.Contains(said, "damaged") || strings.Contains(said, "backup") {
					t.Errorf("%s, %s: told as damage: %s", name, fault, said)
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
	s, err := Open(Options{Dir: whole})
	if err != nil {
		t.Fatal("with everything as it was:", err)
	}
	s.Close()
}

// TestDamagedIsNotUnreadable: what can be read and is not what it should be is
// damage. SYNCED is none: it is only a second witness.
func TestDamagedIsNotUnreadable(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	fillForDamage(t, whole)
	for name, path := range filesToRead(t, whole) {
		if name == "synced" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(Options{Dir: whole}); !errors.Is(err, errDamagedFiles) || strings.Contains(err.Error(), "cannot read "+path+": ") {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				s.Close()
			}
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table := filesToRead(t, whole)["table"]
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: whole}); !errors.Is(err, errDamagedFiles) || !strings.Contains(err.Error(), table+" is missing") {
		t.Errorf("a table that is missing: %v", err)
	}
}

// TestUnreadableBackup is told as such, too.
func TestUnreadableBackup(t *testing.T) {
	file, _ := someBackup(t)
	if _, err := RestoreDir(filepath.Dir(file), filepath.Join(t.TempDir(), "store")); !errors.Is(err, syscall.EISDIR) || errors.Is(err, errNoBackup) {
		t.Errorf("a directory: %v", err)
	}
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	withoutPrivilege(t, func() {
		if _, err := RestoreDir(file, filepath.Join(t.TempDir(), "store")); !errors.Is(err, syscall.EACCES) || errors.Is(err, errNoBackup) {
			t.Errorf("no permission: %v", err)
		}
	})
}

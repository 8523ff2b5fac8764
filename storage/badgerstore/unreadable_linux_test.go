package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

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

// TestUnreadableBackup: a backup that the file system cannot read is not called damaged.
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

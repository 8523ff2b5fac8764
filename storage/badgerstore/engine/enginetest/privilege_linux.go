package enginetest

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// WithoutPrivilege runs a function in a thread to which the permissions of files apply,
// also when root runs the tests.
func WithoutPrivilege(t *testing.T, run func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := dropOverride()
		run()
		done <- err
	}()
	if err := <-done; err != nil {
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

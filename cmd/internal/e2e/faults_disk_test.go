//go:build faults

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	diskSize    = "size=1g"
	diskReserve = "ASTROHOOK_DISK_RESERVE=300MiB"
	belowIt     = 280 << 20 // bytes
)

// TestFaultFullDisk fills a small file system up to the reserve: publishing is
// refused, and deliveries go on. Then to the last byte: the server goes on or
// ends saying why, but is not killed by a fault of memory. It starts again when
// there is room.
func TestFaultFullDisk(t *testing.T) {
	faults(t, 0, 0)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, diskSize); err != nil {
		leaveOut(t, "needs root, to mount a small file system: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := newServer(t, diskReserve)
	s.dataDir = filepath.Join(disk, "data")
	s.start(t)
	s.awaitReady(t)
	c := tryOn(t, s, fleetKinds)
	c.publishUpTo(t, 2000)

	filling := filepath.Join(disk, "filling")
	fill(t, disk, filling, belowIt)
	awaitFor(t, 5*time.Second, "publishing to be refused", func() error {
		if status := c.offer(t, 1); status != 503 {
			return &statusError{status: status}
		}
		return nil
	})
	for _, e := range c.fleet {
		c.awaitDrained(t, patience, e.id) // deliveries go on
	}
	fill(t, disk, filling, 0)
	if c.awaitEnd(5 * time.Second) {
		t.Logf("on the full disk it ended with exit code %d", c.cmd.ProcessState.ExitCode())
	} else if status := c.offer(t, 1); status != 503 {
		t.Errorf("status %d on a full disk", status)
	}
	c.kill()
	c.kills++
	c.start(t) // while it is full
	if c.readyOrEnded(t) {
		t.Logf("it did not start on the full disk: exit code %d\n%s", c.cmd.ProcessState.ExitCode(), c.log.String())
		if code := c.cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("exit code %d, want 1 and a line that tells why", code)
		}
	}
	c.kill()
	if err := os.Remove(filling); err != nil {
		t.Fatal(err)
	}
	c.again(t)
	c.publishUpTo(t, 500)
	c.audit(t)
}

// fill writes to a file until no more than so many bytes are left on its file system.
func fill(t *testing.T, disk, path string, left uint64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for chunk := make([]byte, 1<<20); ; {
		var space syscall.Statfs_t
		if err := syscall.Statfs(disk, &space); err != nil {
			t.Fatal(err)
		}
		if space.Bavail*uint64(space.Bsize) <= left {
			return
		}
		if _, err := file.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

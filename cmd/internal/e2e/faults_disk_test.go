//go:build faults

package e2e

import (
	"errors"
	"fmt"
	"net/http"
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

// TestFaultFullDisk fills a small file system up to the reserve: publishing is refused, and
// deliveries continue. Then it fills the last byte: the server continues, or ends with the
// reason, but is not killed by a memory fault. It starts again when there is space.
func TestFaultFullDisk(t *testing.T) {
	faults(t, 0, 0)
	disk := mountSmall(t, diskSize)
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
		c.awaitDrained(t, patience, e.id) // deliveries continue
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
			t.Errorf("exit code %d, want 1 and a line that says why", code)
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

// smallVolume is a disk on which a server with its defaults has little room.
const smallVolume = "size=150m"

// TestFaultSmallVolume publishes on a small disk until that is refused: the server
// continues, delivers, and starts again. Then another program takes the rest of the
// disk, to the last byte: it continues, starts again, answers and delivers.
func TestFaultSmallVolume(t *testing.T) {
	faults(t, 0, 0)
	volume := mountSmall(t, smallVolume)
	s := newServer(t)
	s.dataDir = filepath.Join(volume, "data")
	s.start(t)
	s.awaitReady(t)
	c := tryOn(t, s, fleetKinds)
	waiting := "/api/webhooks/" + c.fleet[0].id
	c.call(t, http.MethodPost, waiting+"/pause", nil, nil)
	c.publishUntilRefused(t)
	t.Logf("%d events were accepted", c.acknowledged())
	if c.acknowledged() < 5000 {
		t.Error("too few to be of use")
	}
	for _, e := range c.fleet[1:] {
		c.awaitDrained(t, 2*patience, e.id)
	}
	c.restart(t)
	c.kills++

	filling := filepath.Join(volume, "filling")
	fill(t, volume, filling, 0)
	// What the log in use has room for may still be accepted, until the server looks at the disk.
	await(t, "publishing to be refused on the full disk", func() error {
		if status := c.offer(t, 1); status != 503 {
			return fmt.Errorf("status %d", status)
		}
		return nil
	})
	c.restart(t) // while it is full
	c.kills++
	c.call(t, http.MethodGet, "/api/deliveries?limit=10", nil, nil)
	before := c.fleet[0].accepted()
	c.call(t, http.MethodPost, waiting+"/resume", nil, nil)
	await(t, "deliveries on the full disk", func() error {
		if n := c.fleet[0].accepted() - before; n < 100 {
			return fmt.Errorf("%d, want 100", n)
		}
		return nil
	})
	if err := os.Remove(filling); err != nil {
		t.Fatal(err)
	}
	c.audit(t)
}

// publishUntilRefused publishes until there is a 503.
func (c *trial) publishUntilRefused(t *testing.T) {
	t.Helper()
	awaitFor(t, 4*time.Minute, "publishing to be refused", func() error {
		for range 20 {
			switch status := c.offer(t, 500); status {
			case 503:
				return nil
			case 0, 429:
			default:
				t.Fatalf("status %d", status)
			}
		}
		return errors.New("it is not")
	})
}

// accepted is how many deliveries the subscriber has accepted.
func (m *member) accepted() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.arrived {
		n += a.accepted
	}
	return n
}

// TestFaultSmallVolumeFrees: on a small disk that is filled up, what expires makes
// room, and publishing is accepted again.
func TestFaultSmallVolumeFrees(t *testing.T) {
	faults(t, 0, 0)
	volume := mountSmall(t, smallVolume)
	s := newServer(t, "ASTROHOOK_RETENTION=1m")
	s.dataDir = filepath.Join(volume, "data")
	s.start(t)
	s.awaitReady(t)
	c := tryOn(t, s, fleetKinds[:2])
	c.publishUntilRefused(t)
	for _, e := range c.fleet {
		c.awaitDrained(t, 2*patience, e.id)
	}
	awaitFor(t, 5*time.Minute, "room to be made", func() error {
		if status := c.offer(t, 1); status != 0 {
			return &statusError{status: status}
		}
		return nil
	})
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

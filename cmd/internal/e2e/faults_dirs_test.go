//go:build faults

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// dirCalls are the system calls by which a command makes or changes a directory.
var dirCalls = []string{"mkdirat", "openat", "ftruncate", "pwrite64", "write", "fsync", "fdatasync", "msync", "renameat", "renameat2", "unlinkat"}

// killAt runs a command that is killed at its nth call of a system call, counted for each
// thread, and reports whether it made that many calls.
func killAt(t *testing.T, call string, when int, command ...string) (killed bool, said string) {
	t.Helper()
	wrap := under(t, fmt.Sprintf("%s:signal=KILL:when=%d", call, when))
	run := exec.Command(wrap[0], append(wrap[1:], command...)...)
	out, err := run.CombinedOutput()
	status, is := run.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case is && status.Signaled() && status.Signal() == syscall.SIGKILL:
		return true, string(out)
	case err != nil:
		t.Fatalf("%s at %s %d: %v\n%s", command, call, when, err, out)
	}
	return false, string(out)
}

// eachKill runs a command again and again, killed later each time, until nothing
// kills it: at the 1st, 2nd, 3rd, 5th, 8th, … of each system call.
func eachKill(t *testing.T, calls []string, command func(dir string) []string, after func(point, dir string, killed bool)) {
	t.Helper()
	kills := 0
	for _, call := range calls {
		killed := true
		for when, last := 1, 1; killed; when, last = when+last, when {
			dir := filepath.Join(t.TempDir(), "data")
			killed, _ = killAt(t, call, when, command(dir)...)
			if killed {
				kills++
			}
			after(fmt.Sprintf("%s %d", call, when), dir, killed)
			_ = os.RemoveAll(dir)
		}
	}
	t.Logf("%d kills", kills)
	if kills < 20 {
		t.Error("too few")
	}
}

// filledServer runs a server until it has delivered something, and stops it.
func filledServer(t *testing.T) *server {
	t.Helper()
	s := startServer(t)
	c := tryOn(t, s, fleetKinds)
	c.publishUpTo(t, 2000)
	for _, e := range c.fleet {
		c.awaitDrained(t, patience, e.id)
	}
	c.terminate(t)
	return s
}

// TestFaultKilledRestore kills restore at system calls. Then the directory is
// whole, or as it was before, or refused by every command with what to do.
func TestFaultKilledRestore(t *testing.T) {
	faults(t, 0, 0)
	s := filledServer(t)
	file := filepath.Join(t.TempDir(), "backup")
	want, code := run(t, s.binary, "backup", s.dataDir, file)
	if code != 0 {
		t.Fatal(want)
	}
	want, _ = checkData(t, s.dataDir)
	restore := func(dir string) []string { return []string{s.binary, "restore", file, dir} }
	eachKill(t, dirCalls, restore, func(point, dir string, killed bool) {
		said, code := checkData(t, dir)
		switch {
		case code == 0:
			if said != want {
				t.Errorf("%s: a part of it, without a word: %s", point, said)
			}
		case !killed:
			t.Errorf("%s: restored, and refused: %s", point, said)
		case strings.Contains(said, "a restore has not finished"):
			refusedByAll(t, s, point, dir)
		case strings.Contains(said, "there is no data"), strings.Contains(said, "no such file"):
		default:
			t.Errorf("%s: %s", point, said)
		}
	})
}

// refusedByAll has every other command try a directory whose restore was killed.
func refusedByAll(t *testing.T, s *server, point, dir string) {
	t.Helper()
	for _, command := range [][]string{
		{"serve", "--dev", "--data-dir", dir, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"},
		{"backup", dir, filepath.Join(t.TempDir(), "backup")},
		{"restore", filepath.Join(s.dataDir, "missing"), dir},
	} {
		if said, code := run(t, append([]string{s.binary}, command...)...); code != 1 {
			t.Errorf("%s: %s: exit code %d: %s", point, command[0], code, said)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "dev-secret")); err == nil {
		t.Errorf("%s: serve --dev made files", point)
	}
}

// run runs a command, and returns what it said and its exit code.
func run(t *testing.T, command ...string) (string, int) {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	return string(out), exitCode(t, err)
}

// TestFaultKilledBackup kills a backup of a directory. Then there is no file of
// that name, or a whole one, and the directory is as it was.
func TestFaultKilledBackup(t *testing.T) {
	faults(t, 0, 0)
	s := filledServer(t)
	want, code := checkData(t, s.dataDir)
	if code != 0 {
		t.Fatal(want)
	}
	backup := func(dir string) []string {
		copyDir(t, s.dataDir, dir)
		return []string{s.binary, "backup", dir, dir + ".backup"}
	}
	eachKill(t, dirCalls, backup, func(point, dir string, killed bool) {
		if said, _ := checkData(t, dir); said != want {
			t.Errorf("%s: the directory has changed: %s", point, said)
		}
		if _, err := os.Stat(dir + ".backup"); err != nil && killed {
			return
		}
		if said, code := run(t, s.binary, "restore", dir+".backup", dir+".restored"); code != 0 {
			t.Errorf("%s: the file is not whole: %s", point, said)
		}
		if said, _ := checkData(t, dir+".restored"); said != want {
			t.Errorf("%s: restored: %s", point, said)
		}
	})
}

// TestFaultKilledFirstStart kills a server while it makes its data directory, with
// the files of --dev. Every later start succeeds, with the same key.
func TestFaultKilledFirstStart(t *testing.T) {
	rounds := faults(t, 8, 100)
	for _, call := range dirCalls {
		for when := 1; when <= rounds; when = when*2 + 1 {
			s := newServer(t, "ASTROHOOK_DEV=true", "ASTROHOOK_SECRET_KEYS=")
			s.wrap = under(t, fmt.Sprintf("%s:signal=KILL:when=%d", call, when))
			s.start(t)
			c := &trial{server: s}
			c.readyOrEnded(t)
			s.kill()
			key := devKey(t, s.dataDir)
			s.wrap = nil
			s.start(t)
			s.awaitReady(t)
			s.kill()
			if now := devKey(t, s.dataDir); key != "" && now != key {
				t.Errorf("%s %d: the key was %q and is %q", call, when, key, now)
			}
		}
	}
}

// devKey reads the key that --dev keeps; empty if there is none.
func devKey(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "dev-secret-key"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// TestFaultRestoreOverMount: a directory that is a mount point cannot be replaced,
// and the one that is mounted can hold a restored store.
func TestFaultRestoreOverMount(t *testing.T) {
	faults(t, 0, 0)
	s := filledServer(t)
	file := filepath.Join(t.TempDir(), "backup")
	if said, code := run(t, s.binary, "backup", s.dataDir, file); code != 0 {
		t.Fatal(said)
	}
	want, _ := checkData(t, s.dataDir)
	disk := mountSmall(t, "size=512m")
	if said, code := run(t, s.binary, "restore", file, disk); code != 0 {
		t.Error("into a mounted directory:", said)
	}
	if said, _ := checkData(t, disk); said != want {
		t.Errorf("%s, want %s", said, want)
	}
	dir := t.TempDir()
	store := filepath.Join(dir, "store")
	if err := os.Mkdir(store, 0o700); err != nil {
		t.Fatal(err)
	}
	mountAt(t, store, "size=512m")
	if said, code := run(t, s.binary, "restore", file, dir); code != 1 || !strings.Contains(said, "mount point") {
		t.Errorf("over a mount point: exit code %d: %s", code, said)
	}
	if left, _ := filepath.Glob(store + ".*"); len(left) > 0 {
		t.Error("left behind:", left)
	}
}

// mountSmall mounts a small file system of its own.
func mountSmall(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	mountAt(t, dir, size)
	return dir
}

func mountAt(t *testing.T, dir, size string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, size); err != nil {
		leaveOut(t, "needs root, to mount a small file system: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

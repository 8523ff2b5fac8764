package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseMemory(t *testing.T) {
	got, err := parseMemory("Name:\tserver\nVmHWM:\t  2048 kB\nVmRSS:\t  1500 kB\nRssAnon:\t   1000 kB\nRssFile:\t    500 kB\n")
	if want := (Memory{2048 << 10, 1000 << 10, 500 << 10}); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, wrong := range []string{"", "VmHWM:\tmuch kB\n", "RssAnon:\t 1000 kB\n"} {
		if _, err := parseMemory(wrong); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
	if own, err := ReadMemory(os.Getpid()); err != nil || own.Anon == 0 || own.Peak < own.Anon {
		t.Errorf("this process: %+v, %v", own, err)
	}
	if m, err := ReadMemory(0); err == nil {
		t.Errorf("no process has the memory %+v", m)
	}
}

// The peak of each part may be at another moment.
func TestMaxIsOfEachPart(t *testing.T) {
	got := Memory{Peak: 9, Anon: 5, File: 1}.Max(Memory{Peak: 7, Anon: 2, File: 4})
	if want := (Memory{Peak: 9, Anon: 5, File: 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A command may be called anything, spaces and brackets included.
func TestParseCPUTime(t *testing.T) {
	const rest = " S 1 2 2 0 -1 4194560 1000 0 3 0 250 34 0 0 20 0 8 0"
	for _, command := range []string{"(server)", "(a server)", "(:-) 7 8)"} {
		if got, err := parseCPUTime([]byte("42 " + command + rest)); got != 2840*time.Millisecond || err != nil {
			t.Errorf("%s: %s, %v; want 2.84 s", command, got, err)
		}
	}
	for _, wrong := range []string{"", "42 (server) S 1 2", "42 (server) S 1 2 2 0 -1 4194560 1000 0 3 0 much 34 0"} {
		if got, err := parseCPUTime([]byte(wrong)); err == nil {
			t.Errorf("%q was read as %s", wrong, got)
		}
	}
}

func TestCPUTimeGrowsWithWork(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for n := 0; ; n++ { // until the kernel has noted 30 ms of it
		now, err := CPUTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now-before >= 30*time.Millisecond {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a minute of work counts as %s", now-before)
		}
	}
}

func TestCPUTimeOfNobody(t *testing.T) {
	if got, err := CPUTime(0); err == nil {
		t.Errorf("no process has used %s", got)
	}
}

func TestDiskUse(t *testing.T) {
	dir := t.TempDir()
	empty, err := DiskUse(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "below", "file"), []byte(strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	full, err := DiskUse(dir)
	if err != nil || full-empty < 1<<20 || full-empty > 2<<20 {
		t.Errorf("a file of 1 MiB takes up %d bytes, %v", full-empty, err)
	}
	// A hole takes no room, however long the file is.
	if err := os.Truncate(filepath.Join(dir, "below", "file"), 1<<30); err != nil {
		t.Fatal(err)
	}
	if holed, err := DiskUse(dir); err != nil || holed-full > 1<<20 {
		t.Errorf("a hole of 1 GiB takes up %d bytes, %v", holed-full, err)
	}
}

// The server may remove its files, or be gone, while it is looked at.
func TestDiskUseOfWhatVanished(t *testing.T) {
	if got, err := DiskUse(filepath.Join(t.TempDir(), "gone")); got != 0 || err != nil {
		t.Errorf("a folder that is gone takes up %d bytes, %v", got, err)
	}
}

// TestCPUTimeOfCountsEndedChildren: PostgreSQL starts a process for each session, and what
// one has used must not vanish with it.
func TestCPUTimeOfCountsEndedChildren(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	const name = "bench-cpu-of" // 15 characters are what the kernel keeps of a name
	program := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(shell, program); err != nil {
		t.Fatal(err)
	}
	if sum, err := CPUTimeOf(name); sum != 0 || err != nil {
		t.Fatalf("before the start: %s, %v", sum, err)
	}
	// A child works until it has used time, and its parent waits for more input.
	cmd := exec.Command(program, "-c", `(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done); echo done; read line`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(cmd, in.Close)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	own, err := CPUTime(p.PID())
	sum, sumErr := CPUTimeOf(name)
	_ = p.Close() // read ends with an error at the end of its input
	if err != nil || sumErr != nil || sum < own+20*time.Millisecond {
		t.Errorf("%s of the whole family, %s of the parent alone, %v, %v", sum, own, err, sumErr)
	}
}

package report

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestLookAround(t *testing.T) {
	dir := t.TempDir()
	m, err := LookAround(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Cores != runtime.NumCPU() || m.Go != runtime.Version() || m.Kernel == "" || m.Memory < 1<<20 {
		t.Errorf("%+v", m)
	}
	if m.Sync < 0 || m.Sync > 10_000 {
		t.Errorf("a sync takes %v ms", m.Sync)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("measuring the disk left %v, %v", left, err)
	}
}

// Against a server elsewhere its disk cannot be measured; a folder that cannot be
// written to is an error, for the figures would lack what they depend on most.
func TestLookAroundWithoutADisk(t *testing.T) {
	if m, err := LookAround(""); err != nil || m.Sync != 0 || m.Cores == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := LookAround(t.TempDir() + "/missing"); err == nil {
		t.Error("measured the disk of a folder that does not exist")
	}
}

func TestValueOf(t *testing.T) {
	const info = "processor\t: 0\nmodel name\t: Example CPU: fast\nmodel name\t: the second core\n"
	for name, want := range map[string]string{"model name": "Example CPU: fast", "processor": "0", "model": "unknown"} {
		if got := valueOf(info, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestCommit(t *testing.T) {
	if _, err := exec.Command("git", "rev-parse", "HEAD").Output(); err != nil {
		if got := Commit(); got != "unknown" {
			t.Errorf("without git the commit is %q", got)
		}
		return
	}
	if got := Commit(); len(got) < 7 || strings.ContainsAny(got, " \n") {
		t.Errorf("the commit is %q", got)
	}
	t.Chdir(t.TempDir())
	if got := Commit(); got != "unknown" {
		t.Errorf("outside a checkout the commit is %q", got)
	}
}

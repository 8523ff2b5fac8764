//go:build faults

package e2e

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/storage/badgerstore/engine/enginetest"
)

// TestFaultDamage damages one file of a data directory, as a killed server left
// it, in one place. Then astrohook check refuses or reports, or everything is
// there: never is something missing silently.
func TestFaultDamage(t *testing.T) {
	rounds := faults(t, 5, 100)
	c := startTrial(t)
	for range 3 { // tables from the restarts, and a log from the last kill
		c.publishUpTo(t, 500)
		c.terminate(t)
		c.start(t)
		c.awaitReady(t)
	}
	// One endpoint's deliveries wait, and nothing is under way: the commit that a kill
	// cuts off is in the log, was not acknowledged, and may be lost silently.
	waiting := "/api/webhooks/" + c.fleet[0].id
	c.call(t, http.MethodPost, waiting+"/pause", nil, nil)
	c.publishUpTo(t, 500)
	for _, e := range c.fleet[1:] {
		c.awaitDrained(t, patience, e.id)
	}
	c.kill()
	c.kills++
	if err := os.Remove(filepath.Join(c.dataDir, "store", "BALLAST")); err != nil {
		t.Fatal(err) // large, and of no meaning
	}
	whole := filepath.Join(t.TempDir(), "whole")
	copyDir(t, c.dataDir, whole)
	want, code := checkData(t, whole)
	if code != 0 {
		t.Fatal("the check of an undamaged directory:", want)
	}
	outcomes := map[string]int{}
	for name, damage := range enginetest.Damages {
		for _, kind := range []string{"*.mem", "*.sst", "*.vlog", "MANIFEST"} {
			for range rounds {
				dir := filepath.Join(t.TempDir(), "damaged")
				copyDir(t, c.dataDir, dir)
				damageOne(t, filepath.Join(dir, "store", kind), damage)
				said, code := checkData(t, dir)
				outcome := name + " in " + kind + ": "
				switch {
				case code == 1 && strings.Contains(said, "astrohook: "):
					outcome += "told"
				case code != 0:
					outcome += "refused by a panic"
				case said == want:
					outcome += "all there"
				default:
					t.Errorf("%sloss without a word: %s, want %s", outcome, said, want)
				}
				outcomes[outcome]++
				os.RemoveAll(dir)
			}
		}
	}
	for what, n := range outcomes {
		t.Log(n, "×", what)
	}
	c.again(t)
	c.call(t, http.MethodPost, waiting+"/resume", nil, nil)
	c.audit(t)
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// checkData runs astrohook check, and returns its exit code and what it said, but
// not the line that names the directory: that is for comparing.
func checkData(t *testing.T, dir string) (string, int) {
	t.Helper()
	out, err := exec.Command(astrohook(t), "check", dir).CombinedOutput()
	said := string(out)
	if _, rest, found := strings.Cut(said, ": every record is whole.\n"); found {
		said = rest
	}
	return said, exitCode(t, err)
}

// damageOne damages one of the files that match, within what it holds: logs are
// made longer in advance.
func damageOne(t *testing.T, pattern string, damage func([]byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(pattern, err)
	}
	path := files[rand.IntN(len(files))]
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := bytes.TrimRight(text, "\x00")
	damaged := damage(slices.Clone(used))
	if len(damaged) == len(used) {
		damaged = append(damaged, make([]byte, len(text)-len(used))...)
	}
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
}

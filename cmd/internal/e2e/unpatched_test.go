package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnpatched builds as somebody does who has not run make: the build stops and
// names the cure. With the tag unpatched there is a program, which serves only when
// a setting allows it.
func TestUnpatched(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "astrohook")
	build := func(flags ...string) (string, error) {
		args := append(append([]string{"build", "-o", binary}, flags...), "github.com/corpastro/astrohook/cmd/astrohook")
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), "GOWORK=off")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := build(); err == nil || !strings.Contains(out, "badger.RunMakePatch") {
		t.Errorf("built without the patches: %v\n%s", err, out)
	}
	if out, err := build("-tags", "unpatched"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := t.TempDir()
	serve := binary + " serve --data-dir data --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --secret-keys test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= --jwt-secret " + strings.Repeat("s", 32)
	refused := exec.CommandContext(t.Context(), "sh", "-c", serve)
	refused.Dir = dir
	if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), "allow-unpatched") {
		t.Errorf("a program without the patches answers serve with %v\n%s", err, out)
	}
	for _, allowed := range []string{" --allow-unpatched", " --dev"} {
		server := startShell(t, dir, serve+allowed)
		server.awaitOutput(t, "built without the patches")
		if err := server.interrupt(); err != nil {
			t.Errorf("serve%s: %v\n%s", allowed, err, server.output.String())
		}
	}
}

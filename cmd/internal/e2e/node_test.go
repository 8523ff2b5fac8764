package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// npmInstall makes sure that the npm packages of a folder are there, in the versions of
// its lock file.
func npmInstall(dir string) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return errors.New("missing: " + program + ", for the receivers of the end-to-end tests (Debian: apt-get install nodejs npm)")
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil {
		return nil
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s: %w\n%s", dir, err, out)
	}
	return nil
}

// installNode installs what the receivers of the folder node need.
var installNode = sync.OnceValue(func() error { return npmInstall("node") })

// startNode runs a receiver of the folder node for an endpoint with this secret,
// and returns its target URL.
func startNode(t *testing.T, script, secret string) (target string) {
	t.Helper()
	if err := installNode(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", script)
	cmd.Dir = "node"
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	var log tail
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("%s ended: %v\n%s", script, err, log.String())
		}
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s printed no port: %v\n%s", script, err, log.String())
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/webhook"
}

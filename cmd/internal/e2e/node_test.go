package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// installNode makes sure that the npm packages are there, in the versions of the
// lock file.
var installNode = sync.OnceValue(func() string {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "missing: " + program + ", for the receivers of the end-to-end tests (Debian: apt-get install nodejs npm)"
		}
	}
	if _, err := os.Stat(filepath.Join("node", "node_modules", ".package-lock.json")); err == nil {
		return ""
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	install.Dir = "node"
	if out, err := install.CombinedOutput(); err != nil {
		return "npm ci in " + install.Dir + ": " + err.Error() + "\n" + string(out)
	}
	return ""
})

// startNode runs a receiver of the folder node for an endpoint with this secret,
// and gives its target URL.
func startNode(t *testing.T, script, secret string) (target string) {
	t.Helper()
	if problem := installNode(); problem != "" {
		t.Fatal(problem)
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
		t.Fatalf("%s told no port: %v\n%s", script, err, log.String())
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/webhook"
}

package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const examples = "../../../examples"

// example is a receiver of the folder examples while it runs.
type example struct {
	target string
	output tail
}

// listening is the first line of every example.
var listening = regexp.MustCompile(`Listening at (\S+)\n`)

// startExample runs a receiver as its README says, with the secret of a webhook.
func startExample(t *testing.T, secret, dir, program string, args ...string) *example {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("missing: %s, for the receiver in examples (Debian: apt-get install python3 nodejs npm)", program)
	}
	e := &example{}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret, "PORT=0", "DATABASE="+filepath.Join(t.TempDir(), "inbox.db"))
	cmd.Stdout, cmd.Stderr = &e.output, &e.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the receiver said:\n%s", e.output.String())
		}
	})
	await(t, "the receiver to listen", func() error {
		line := listening.FindStringSubmatch(e.output.String())
		if line == nil {
			return errors.New(e.output.String())
		}
		e.target = line[1]
		return nil
	})
	return e
}

func (e *example) awaitOutput(t *testing.T, text string) {
	t.Helper()
	await(t, text, func() error {
		if out := e.output.String(); !strings.Contains(out, text) {
			return errors.New(out)
		}
		return nil
	})
}

// count returns how often the receiver printed a text.
func (e *example) count(text string) int { return strings.Count(e.output.String(), text) }

// installExample installs the npm packages of the receiver in Node.
var installExample = sync.OnceValue(func() error { return npmInstall(filepath.Join(examples, "node")) })

// eachExample runs a test against each receiver of the folder examples.
func eachExample(t *testing.T, secret string, test func(t *testing.T, e *example)) {
	t.Run("go", func(t *testing.T) {
		binary := filepath.Join(t.TempDir(), "receiver")
		if out, err := exec.Command("go", "build", "-o", binary, "./"+examples+"/go").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		test(t, startExample(t, secret, ".", binary))
	})
	t.Run("node", func(t *testing.T) {
		if err := installExample(); err != nil {
			t.Fatal(err)
		}
		test(t, startExample(t, secret, filepath.Join(examples, "node"), "node", "receiver.js"))
	})
	t.Run("python", func(t *testing.T) {
		test(t, startExample(t, secret, examples, "python3", filepath.Join("python", "receiver.py")))
	})
}

// TestExamplesHandleEachDeliveryOnce: the receivers accept every delivery of the server,
// also in the overlap of a rotation, and recognise a delivery that arrives again.
func TestExamplesHandleEachDeliveryOnce(t *testing.T) {
	s := startServer(t)
	eachExample(t, standardSecret, func(t *testing.T, e *example) {
		endpoint := s.register(t, t.Name(), fields{
			"event_type": "content.updated", "target_url": e.target, "secret": standardSecret, "retry_policy": fields{"max_attempts": 1},
		})
		publish := func() {
			t.Helper()
			if _, err := s.publish("content.updated", []byte(`{"title":"ünï","n":1.0}`)); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			publish()
		}
		s.awaitDrained(t, patience, endpoint)
		s.call(t, http.MethodPost, "/api/webhooks/"+endpoint+"/rotate-secret", fields{"overlap_seconds": 3600}, nil)
		publish()
		s.awaitDrained(t, patience, endpoint)
		all := s.deliveries(t, endpoint)
		if len(all) != 6 {
			t.Fatalf("%d deliveries of 6 events", len(all))
		}
		for _, d := range all {
			if d.Status != "delivered" {
				t.Errorf("%s: answered %d %q", d.Status, d.ResponseCode, d.ResponseBody)
			}
			e.awaitOutput(t, "handled "+d.ID)
		}
		again := all[0].ID
		s.call(t, http.MethodPost, "/api/deliveries/"+again+"/retry", nil, nil)
		e.awaitOutput(t, "seen before "+again)
		s.awaitDrained(t, patience, endpoint)
		if n := e.count("handled " + again); n != 1 {
			t.Errorf("a delivery that arrived twice was handled %d times", n)
		}
	})
}

// TestExamplesRefuse: a request that is not signed with the secret is refused, and not
// handled.
func TestExamplesRefuse(t *testing.T) {
	s := startServer(t)
	eachExample(t, standardSecret+"BBBB", func(t *testing.T, e *example) {
		endpoint := s.register(t, t.Name(), fields{
			"event_type": "content.updated", "target_url": e.target, "secret": standardSecret, "retry_policy": fields{"max_attempts": 1},
		})
		if _, err := s.publish("content.updated", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		s.awaitDrained(t, patience, endpoint)
		for _, d := range s.deliveries(t, endpoint) {
			if d.Status != "failed" || d.ResponseCode != http.StatusUnauthorized {
				t.Errorf("another secret: %+v", d)
			}
		}
		answer, err := http.Post(e.target, "application/json", bytes.NewReader([]byte(`{"id":"whd_1"}`)))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("without a signature: answered %d", answer.StatusCode)
		}
		if n := e.count("handled "); n > 0 {
			t.Errorf("%d were handled", n)
		}
	})
}

// TestPageShowsTheExample: docs/receiving.md shows the verification of examples/python as it is.
func TestPageShowsTheExample(t *testing.T) {
	page, err := os.ReadFile("../../../docs/receiving.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(examples, "python", "receiver.py"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```python\n")
	shown, _, _ := strings.Cut(rest, "```")
	if !found || !strings.Contains(string(program), "\n"+shown) {
		t.Errorf("docs/receiving.md shows other Python than examples/python/receiver.py:\n%s", shown)
	}
}

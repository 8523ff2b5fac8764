//go:build faults

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const year = 365 * 24 * time.Hour

// TestFaultClock steps the wall clock of the running server, and between two
// starts, under load. No pending delivery expires, and none is sent more often than
// allowed. The reaper runs while the clock is ten years ahead, and after it was set back.
func TestFaultClock(t *testing.T) {
	rounds := faults(t, 1, 10)
	t.Parallel() // it waits for the reaper
	c := startWithClock(t)
	waiting := c.fleet[3]
	c.call(t, http.MethodPost, "/api/webhooks/"+waiting.id+"/pause", nil, nil)
	for range rounds {
		for _, apart := range []time.Duration{3 * year, 0, -24 * time.Hour, 10 * year} {
			c.loadDuring(t, func() { c.stepClock(t, apart) })
			c.terminate(t)
			c.setClock(t, apart-24*time.Hour)
			c.again(t)
			c.loadDuring(t, func() { c.stepClock(t, apart) })
		}
	}
	c.awaitDrained(t, patience, c.fleet[2].id)
	gone := c.onlyTo(c.fleet[1], waiting)[0]
	awaitFor(t, 2*patience, "the reaper", func() error { return c.removed(gone) })
	c.loadDuring(t, func() { c.stepClock(t, 0) }) // retries are left that wait for ten years
	c.terminate(t)
	c.again(t)
	c.publisher.post(t, 1) // so that they are looked for now, and not within an hour
	c.awaitDrained(t, patience, c.fleet[2].id)
	c.call(t, http.MethodPost, "/api/webhooks/"+waiting.id+"/resume", nil, nil)
	c.awaitDrained(t, patience, waiting.id)
	for _, m := range c.fleet {
		c.arrivedOnce(t, m)
	}
}

// loadDuring publishes while something happens, and expects that all is
// acknowledged, and delivered where no attempt fails.
func (c *trial) loadDuring(t *testing.T, happens func()) {
	t.Helper()
	var load sync.WaitGroup
	load.Go(func() { c.publishUpTo(t, 1000) })
	await(t, "some events to be acknowledged", c.acknowledgedAtLeast(c.acknowledged()+200))
	happens()
	load.Wait()
	if n := c.acknowledged(); uint64(n) < c.ledger.posted() {
		t.Errorf("%d of %d events acknowledged", n, c.ledger.posted())
	}
	for _, m := range c.fleet[:2] {
		c.awaitDrained(t, patience, m.id)
	}
}

// startWithClock starts a server whose wall clock can be stepped.
func startWithClock(t *testing.T) *trial {
	t.Helper()
	binary, err := clockBinary()
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	s.binary = binary
	s.env = []string{"CLOCK_FILE=" + s.clockFile()}
	s.token = mintFor(t, 100*year, "operator", "admin")
	s.setClock(t, 0)
	s.start(t)
	s.awaitReady(t)
	return tryOn(t, s, fleetKinds)
}

func (s *server) clockFile() string { return filepath.Join(filepath.Dir(s.dataDir), "clock") }

// setClock sets how far the clock is from the right time at the next start.
func (s *server) setClock(t *testing.T, apart time.Duration) {
	t.Helper()
	if err := os.WriteFile(s.clockFile(), []byte(apart.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// stepClock steps the clock of the running server.
func (s *server) stepClock(t *testing.T, apart time.Duration) {
	t.Helper()
	s.setClock(t, apart)
	s.signal(t, syscall.SIGUSR1)
	await(t, "the clock to be stepped", func() error {
		got, err := os.ReadFile(s.clockFile() + ".read")
		if err == nil && string(got) != apart.String() {
			err = fmt.Errorf("it is %s apart, not %s", got, apart)
		}
		return err
	})
}

// clockBinary builds the unchanged server with a standard library whose time.Now can
// differ from the right time, so that every package that reads the wall clock sees it.
var clockBinary = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	const reading = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	stepped := bytes.Replace(text, []byte(reading), []byte(reading+"\tsec += wallStep.Load()\n"), 1)
	if bytes.Equal(stepped, text) {
		return "", fmt.Errorf("time.Now in %s is not as expected", original)
	}
	changed := filepath.Join(binaries, "time.go.txt")
	if err := os.WriteFile(changed, stepped, 0o600); err != nil {
		return "", err
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		original: changed,
		filepath.Join(filepath.Dir(original), "step.go"):         filepath.Join(here, "testdata", "clock", "time.txt"),
		filepath.Join(here, "..", "..", "astrohook", "clock.go"): filepath.Join(here, "testdata", "clock", "main.txt"),
	}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(binaries, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	return build("astrohook-clock", "-overlay", file)
})

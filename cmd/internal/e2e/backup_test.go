package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// backupEvents is the least number of events that exist before the backup begins.
const backupEvents = 3000

// TestBackup backs a server up under load. A server on what is restored has every
// event that was acknowledged before the backup began, once for each endpoint that
// is owed it, and nothing that was not published.
func TestBackup(t *testing.T) {
	s := startServer(t)
	ledger := newCrashLedger(crashSeed(t), fleetKinds)
	fleet := startFleet(t, s, ledger)
	stop := publishSteadily(t, &publisher{api: &s.api, ledger: ledger})
	await(t, "some events", func() error {
		if n := len(ledger.soFar()); n < backupEvents {
			return fmt.Errorf("%d, want %d", n, backupEvents)
		}
		return nil
	})

	file := filepath.Join(t.TempDir(), "backup")
	before := ledger.soFar()
	s.backUp(t, file)
	during := ledger.soFar()
	stop()
	s.kill()
	t.Logf("%d events before the backup, %d acknowledged while it was made, %d after it", len(before), len(during)-len(before), len(ledger.acknowledged)-len(during))

	restored := newServer(t)
	if out, err := exec.Command(restored.binary, "restore", file, restored.dataDir).CombinedOutput(); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	restored.start(t)
	restored.awaitReady(t)
	for _, m := range fleet {
		restored.awaitDrained(t, 2*patience, m.id)
		holds(t, restored, m, before, ledger)
	}
}

// publishSteadily publishes until stop is called; nothing may be refused.
func publishSteadily(t *testing.T, p *publisher) (stop func()) {
	t.Helper()
	var workers sync.WaitGroup
	enough := make(chan struct{})
	for i := range 8 {
		workers.Go(func() {
			for {
				select {
				case <-enough:
					return
				default:
				}
				if !p.post(t, 1+i%2*(crashBatch-1)) {
					t.Error("an event was refused")
					return
				}
			}
		})
	}
	stop = sync.OnceFunc(func() { close(enough); workers.Wait() })
	t.Cleanup(stop)
	return stop
}

// soFar returns the events that have been acknowledged.
func (l *crashLedger) soFar() map[uint64]accepted {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acknowledged)
}

// backUp makes a backup of a running server, as an operator does.
func (s *server) backUp(t *testing.T, file string) {
	t.Helper()
	backup := exec.Command(s.binary, "backup", file)
	backup.Env = append(os.Environ(), "ASTROHOOK_SERVER="+s.base, "ASTROHOOK_TOKEN="+mint(t, "operator", "admin"))
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("backup: %v\n%s", err, out)
	}
}

// holds compares what a restored server lists for an endpoint with what was published.
func holds(t *testing.T, s *server, m *member, before map[uint64]accepted, ledger *crashLedger) {
	t.Helper()
	published := map[string]bool{}
	for _, receipt := range ledger.acknowledged {
		published[receipt.ID] = true
	}
	listed := map[string]int{}
	for _, d := range (audit{t, s, ledger, m}).listed() {
		listed[d.EventID]++
		if !published[d.EventID] {
			t.Errorf("%s: event %s was never published", m.name, d.EventID)
		}
	}
	lost := 0
	for seq, receipt := range before {
		if m.gets(seq) && listed[receipt.ID] != 1 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%s: %d of %d events are not there, or not once", m.name, lost, len(before))
	}
	for _, fault := range m.faults {
		t.Errorf("%s: %s", m.name, fault)
	}
}

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// TestDatabaseAway takes the database away from a server under load, and gives it back.
// Publishers are asked to come again meanwhile, and afterwards, without a restart of the
// server, everything that was acknowledged is delivered, and nothing twice: outcomes that
// could not be recorded were kept.
func TestDatabaseAway(t *testing.T) {
	for _, c := range []struct {
		name       string
		leave      func(*pgtest.Server) error
		comeBack   func(*testing.T, *pgtest.Server) error
		unanswered bool // connections stay open, and nothing answers
	}{
		{"killed", (*pgtest.Server).Kill, func(t *testing.T, s *pgtest.Server) error { return s.Restart(t.Context()) }, false},
		{"stopped", (*pgtest.Server).Stop, func(t *testing.T, s *pgtest.Server) error { return s.Restart(t.Context()) }, false},
		{"suspended", (*pgtest.Server).Suspend, func(_ *testing.T, s *pgtest.Server) error { return s.Resume() }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			database, err := pgtest.Start(t.Context(), pgtest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = database.Close() }()
			url, err := database.Database(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s := startServer(t, onDatabase(url)...)
			ledger := newCrashLedger(crashSeed(t), fleetKinds)
			fleet := startFleet(t, s, ledger)
			stop := publishThroughout(t, s, ledger)
			awaitMore(t, ledger, 500)

			if err := c.leave(database); err != nil {
				t.Fatal(err)
			}
			await(t, "a publisher to be asked to come again", func() error { return refusesWithRetryAfter(s) })
			if err := c.comeBack(t, database); err != nil {
				t.Fatal(err)
			}
			awaitMore(t, ledger, 500)
			stop()
			for _, m := range fleet {
				s.awaitDrained(t, 2*patience, m.id)
				audit{t, s, ledger, m}.run(0)
			}
			select {
			case <-s.exited:
				t.Errorf("the server has ended: %v", s.exit)
			default:
			}
		})
	}
}

// publishThroughout publishes until stop is called, whatever is refused in between.
func publishThroughout(t *testing.T, s *server, ledger *crashLedger) (stop func()) {
	t.Helper()
	var workers sync.WaitGroup
	enough := make(chan struct{})
	for i := range 4 {
		p := &publisher{api: &s.api, ledger: ledger}
		workers.Go(func() {
			for {
				select {
				case <-enough:
					return
				default:
					p.post(t, 1+i%2*(crashBatch-1))
				}
			}
		})
	}
	stop = sync.OnceFunc(func() { close(enough); workers.Wait() })
	t.Cleanup(stop)
	return stop
}

// awaitMore waits until so many more events have been acknowledged.
func awaitMore(t *testing.T, ledger *crashLedger, more int) {
	t.Helper()
	before := len(ledger.soFar())
	await(t, "events to be accepted", func() error {
		if n := len(ledger.soFar()) - before; n < more {
			return fmt.Errorf("%d, want %d", n, more)
		}
		return nil
	})
}

// refusesWithRetryAfter returns nil once a publication is answered with 503 and a time.
func refusesWithRetryAfter(s *server) error {
	// For a client without webhooks: nobody knows whether it is stored.
	body := []byte(`{"event_type":"user.created","data":{},"client_id":"nobody"}`)
	req, err := http.NewRequest(http.MethodPost, s.base+"/api/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		return fmt.Errorf("answered with %d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), answer)
	}
	if strings.Contains(string(answer), pgtest.Password) {
		return errors.New("the answer shows the password")
	}
	return nil
}

// TestRestoreIntoADatabase is the way over from one machine: a backup of a server under
// load becomes a database, and a server on it has everything.
func TestRestoreIntoADatabase(t *testing.T) {
	s := startServer(t)
	ledger := newCrashLedger(crashSeed(t), fleetKinds)
	fleet := startFleet(t, s, ledger)
	s.call(t, http.MethodPost, "/api/webhooks/"+fleet[0].id+"/pause", nil, nil) // its deliveries are pending
	stop := publishSteadily(t, &publisher{api: &s.api, ledger: ledger})
	awaitMore(t, ledger, backupEvents)
	file := filepath.Join(t.TempDir(), "backup")
	before := ledger.soFar()
	s.backUp(t, file)
	stop()
	s.kill()

	url := database(t)
	restored := newServer(t, onDatabase(url)...)
	code, said := restored.command(t, nil, "restore", file, url)
	if code != 0 || !strings.Contains(said, "every row counted") || !strings.Contains(said, "4 webhooks") || strings.Contains(said, pgtest.Password) {
		t.Fatalf("restore: exit code %d: %s", code, said)
	}
	// Only an empty database is filled, with the URL from the environment too.
	for _, args := range [][]string{{"restore", file, url}, {"restore", file}} {
		if code, said := restored.command(t, []string{"ASTROHOOK_DATABASE_URL=" + url}, args...); code != 1 || !strings.Contains(said, "not empty") {
			t.Errorf("a second restore: exit code %d: %s", code, said)
		}
	}
	restored.start(t)
	restored.awaitReady(t)
	restored.call(t, http.MethodPost, "/api/webhooks/"+fleet[0].id+"/resume", nil, nil)
	for _, m := range fleet {
		restored.awaitDrained(t, 2*patience, m.id)
		holds(t, restored, m, before, ledger)
	}
	// New things get numbers and ids of their own.
	again := restored.register(t, "fleet", fields{"event_type": "*", "target_url": "http://127.0.0.1:1/", "secret": plainSecret})
	for _, m := range fleet {
		if again == m.id {
			t.Errorf("%s has the id of a restored webhook", again)
		}
	}
	if _, err := restored.publish("user.created", []byte(`{}`)); err != nil {
		t.Error(err)
	}
}

// TestInterruptedRestore kills a restore in the middle: no server starts on what it left,
// and another restore refuses it, too.
func TestInterruptedRestore(t *testing.T) {
	s := startServer(t)
	ledger := newCrashLedger(crashSeed(t), fleetKinds)
	startFleet(t, s, ledger)
	stop := publishSteadily(t, &publisher{api: &s.api, ledger: ledger})
	awaitMore(t, ledger, backupEvents)
	file := filepath.Join(t.TempDir(), "backup")
	stop()
	s.backUp(t, file)

	url := database(t)
	migrated(t, url)
	// The last table cannot be filled, which ends the restore after all others.
	execute(t, url, "ALTER TABLE secret_key ADD CHECK (endpoints < 0)")
	restored := newServer(t, onDatabase(url)...)
	if code, said := restored.command(t, nil, "restore", file, url); code != 1 || !strings.Contains(said, "secret_key") {
		t.Fatalf("restore: exit code %d: %s", code, said)
	}
	restored.start(t)
	if code := restored.awaitExit(t); code == 0 || !strings.Contains(restored.log.String(), "restore into this database has not finished") {
		t.Errorf("a server started on half a restore: exit code %d: %s", code, restored.log.String())
	}
	if code, said := restored.command(t, nil, "restore", file, url); code != 1 || !strings.Contains(said, "has not finished") {
		t.Errorf("a second restore: exit code %d: %s", code, said)
	}
}

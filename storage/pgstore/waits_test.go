package pgstore

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// TestARepetitionWaitsForTheFirst: while the first event under a key is being committed by
// another node, the second one waits, and gets its receipt, or takes its place if it is
// not committed after all.
func TestARepetitionWaitsForTheFirst(t *testing.T) {
	for name, commits := range map[string]bool{"the first is committed": true, "the first is undone": false} {
		url := database(t)
		s := openTest(t, url)
		first := webhook.Event{
			ID: webhook.ID{Seq: webhook.SeqAt(time.Now()), Nonce: 1}, Type: "t", Data: []byte("1"),
			Publisher: "p", IdempotencyKey: "k", Endpoints: []webhook.EndpointNumber{1, 2},
		}
		hash, stored := record.KeyHash(&first), record.KeyedEventOf(&first)
		tx, err := connectTest(t, url).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(t.Context(), "INSERT INTO idem (key, expires, record) VALUES ($1, $2, $3)", hash[:], stored.Until().UnixMilli(), stored.Encode())
		if err != nil {
			t.Fatal(err)
		}
		second := first
		second.ID.Nonce = 2
		done := make(chan []webhook.Receipt, 1)
		s.Accept([]webhook.Event{second}, 0, func(r []webhook.Receipt, err error) {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			done <- r
		})
		awaitLock(t, url, s)
		select {
		case r := <-done:
			t.Fatalf("%s: answered before: %+v", name, r)
		default:
		}
		want := webhook.Receipt{EventID: second.ID, Deliveries: 2}
		if commits {
			err = tx.Commit(t.Context())
			want = webhook.Receipt{EventID: first.ID, Deliveries: 2, Duplicate: true}
		} else {
			err = tx.Rollback(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if r := <-done; len(r) != 1 || r[0] != want {
			t.Errorf("%s: %+v, want %+v", name, r, want)
		}
	}
}

// awaitLock returns once a session of a store waits for a lock.
func awaitLock(t *testing.T, url string, s *Store) {
	t.Helper()
	conn := connectTest(t, url)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var waits bool
		err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock')`,
			session.Application(s.incarnation)).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
		if waits {
			return
		}
	}
	t.Fatal("nobody waits for a lock")
}

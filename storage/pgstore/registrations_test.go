package pgstore

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// registered makes an endpoint of a client.
func registered(t *testing.T, s *Store, client string) webhook.Endpoint {
	t.Helper()
	e, err := s.CreateEndpoint(t.Context(), webhook.Endpoint{ID: webhook.ID{Seq: 7, Nonce: 1}, ClientID: client})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestVersionRisesWithEachRegistration: nodes compare it before they accept events, so that
// a change which leaves it as it was would be missed by all others.
func TestVersionRisesWithEachRegistration(t *testing.T) {
	url := database(t)
	s, ctx := openTest(t, url), t.Context()
	version := func() int64 { return valueOf[int64](t, url, "SELECT version FROM registry") }
	changes := []struct {
		name string
		run  func() error
		rise int64
	}{
		{"create a webhook", func() error { registered(t, s, "a"); return nil }, 1},
		{"change it", func() error {
			_, err := s.UpdateEndpoint(ctx, 1, func(e *webhook.Endpoint) error { e.Description = "b"; return nil })
			return err
		}, 1},
		{"refuse a change", func() error {
			_, err := s.UpdateEndpoint(ctx, 1, func(*webhook.Endpoint) error { return webhook.ErrConflict })
			return unless(err, webhook.ErrConflict)
		}, 0},
		{"create an event type", func() error { return s.CreateEventType(ctx, webhook.EventType{Name: "a"}) }, 1},
		{"create it again", func() error {
			return unless(s.CreateEventType(ctx, webhook.EventType{Name: "a"}), webhook.ErrExists)
		}, 0},
		{"delete it", func() error { return s.DeleteEventType(ctx, "a") }, 1},
		{"delete it again", func() error { return unless(s.DeleteEventType(ctx, "a"), webhook.ErrNotFound) }, 0},
		{"create an API key", func() error { return s.CreateAPIKey(ctx, webhook.APIKey{ID: "k"}) }, 1},
		{"delete it", func() error { return s.DeleteAPIKey(ctx, "k") }, 1},
		// Nothing that a node has in memory changes with these.
		{"keep a cursor key", func() error { _, err := s.CursorKey(ctx, [32]byte{1}); return err }, 0},
		{"reencrypt", func() error {
			_, _, err := s.Reseal(ctx, storage.Resealing{KeyID: "new", Limit: 5})
			return err
		}, 0},
	}
	for _, c := range changes {
		before := version()
		if err := c.run(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if rise := version() - before; rise != c.rise {
			t.Errorf("%s raised the version by %d, want %d", c.name, rise, c.rise)
		}
	}
	if n := valueOf[int64](t, url, "SELECT changed FROM endpoint WHERE number = 1"); n != 3 {
		t.Errorf("the webhook changed with version %d, want 3", n)
	}
	if types, keys := valueOf[int64](t, url, "SELECT event_types FROM registry"), valueOf[int64](t, url, "SELECT api_keys FROM registry"); types != 5 || keys != 7 {
		t.Errorf("event types changed with version %d, API keys with %d; want 5 and 7", types, keys)
	}
}

// unless returns nil for the error that was expected.
func unless(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return fmt.Errorf("got %w, want %w", err, expected)
}

// TestNumbersOfTwoNodes: two nodes register at the same time, and no number is used twice.
func TestNumbersOfTwoNodes(t *testing.T) {
	url := database(t)
	nodes := []*Store{openTest(t, url), openTest(t, url)}
	const each = 20
	numbers := make(chan webhook.EndpointNumber, 2*each)
	var all sync.WaitGroup
	for _, s := range nodes {
		all.Go(func() {
			for range each {
				e := registered(t, s, "a")
				numbers <- e.Number()
			}
		})
	}
	all.Wait()
	close(numbers)
	seen := map[webhook.EndpointNumber]bool{}
	for n := range numbers {
		if seen[n] || n < 1 || n > 2*each {
			t.Errorf("number %d, twice or out of order", n)
		}
		seen[n] = true
	}
	// The largest Seq of an endpoint is kept apart from the endpoint: it may be removed.
	if last := valueOf[int64](t, url, "SELECT last_seq FROM registry"); last != 7 {
		t.Errorf("last_seq is %d, want 7", last)
	}
}

// TestUpdatesOfTwoNodes: no change of one node overwrites that of another.
func TestUpdatesOfTwoNodes(t *testing.T) {
	url := database(t)
	nodes := []*Store{openTest(t, url), openTest(t, url)}
	e := registered(t, nodes[0], "a")
	const each = 20
	var all sync.WaitGroup
	for _, s := range nodes {
		all.Go(func() {
			for range each {
				if _, err := s.UpdateEndpoint(t.Context(), e.Number(), func(e *webhook.Endpoint) error { e.Settings.Burst++; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got, err := nodes[1].Endpoint(t.Context(), e.Number())
	if err != nil || got.Settings.Burst != 2*each || got.Revision != 2*each+1 {
		t.Errorf("burst %d and revision %d after %d changes, %v", got.Settings.Burst, got.Revision, 2*each, err)
	}
}

// TestEachEndpointReadsInChunks: a visit goes over the edges of what is read at once, and
// visit may use the store meanwhile.
func TestEachEndpointReadsInChunks(t *testing.T) {
	s := openTest(t, "")
	const count = 2*endpointsAtOnce + 1
	rows := make([][]any, count)
	for i := range rows {
		e := webhook.Endpoint{ID: webhook.ID{Endpoint: webhook.EndpointNumber(3 * (i + 1))}}
		rows[i] = endpointRow(&e, 1)
	}
	columns := []string{"number", "client", "changed", "deleted_at", "key_id", "record"}
	if _, err := s.writes.CopyFrom(t.Context(), pgx.Identifier{"endpoint"}, columns, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}
	visited, last := 0, webhook.EndpointNumber(0)
	err := s.EachEndpoint(t.Context(), func(e webhook.Endpoint) error {
		if e.Number() <= last {
			return fmt.Errorf("%d after %d", e.Number(), last)
		}
		visited, last = visited+1, e.Number()
		if visited%endpointsAtOnce != 0 {
			return nil
		}
		_, err := s.Endpoint(t.Context(), last)
		return err
	})
	if err != nil || visited != count || last != 3*count {
		t.Errorf("%d webhooks visited up to number %d, %v", visited, last, err)
	}
	if err := s.EachEndpoint(t.Context(), func(webhook.Endpoint) error { return tables.ErrMoved }); !errors.Is(err, tables.ErrMoved) {
		t.Errorf("the error of visit became %v", err)
	}
}

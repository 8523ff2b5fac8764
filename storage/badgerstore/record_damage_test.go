package badgerstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// damagedStore returns a store in which endpoint 1 has one delivery of each status, and
// overwrites one record. The deliveries are of one event each, in this order: queued,
// retrying, delivered, failed.
func damagedStore(t *testing.T, damage func(ids []webhook.ID) (key []byte)) (*Store, []webhook.ID) {
	t.Helper()
	s := openTest(t, t.TempDir())
	create := func(e webhook.Endpoint) {
		if _, err := s.CreateEndpoint(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	create(webhook.Endpoint{ID: webhook.ID{Seq: 1}, ClientID: "a"})
	create(webhook.Endpoint{ID: webhook.ID{Seq: 2}, ClientID: "a", DeletedAt: time.UnixMilli(1)})
	ids := acceptMany(t, s, 4, 1)
	for i := range ids {
		ids[i] = ids[i].For(1)
	}
	for i, code := range map[int]int{1: 500, 2: 200, 3: 410} {
		was := webhook.Delivery{ID: ids[i], EventType: "user.created", Status: webhook.Queued}
		a := webhook.Attempt{At: time.Now(), StatusCode: code, Requests: 1}
		settle(t, s, webhook.Settlement{Was: was.Place(), Now: was.Attempted(a, webhook.DefaultSettings().Retry, 0)})
	}
	err := s.db.Update(func(tx *badger.Txn) error { return tx.Set(damage(ids), []byte{9}) })
	if err != nil {
		t.Fatal(err)
	}
	return s, ids
}

// visited returns the error of a visit of everything.
func visited[T any](each func(visit func(T) error) error) error {
	return each(func(T) error { return nil })
}

// TestDamagedRecords: whatever needs a record that cannot be read fails and says so. It
// must not take the record for a missing one: a queue would look empty, a key unused, a
// name free.
func TestDamagedRecords(t *testing.T) {
	event := func(i int) func([]webhook.ID) []byte {
		return func(ids []webhook.ID) []byte { return layout.EventKey(ids[i]) }
	}
	delivery := func(i int, s layout.Space) func([]webhook.ID) []byte {
		return func(ids []webhook.ID) []byte { return layout.DeliveryKey(s, ids[i]) }
	}
	at := func(key []byte) func([]webhook.ID) []byte { return func([]webhook.ID) []byte { return key } }
	type call struct {
		name string
		of   func(s *Store, ids []webhook.ID) error
	}
	var (
		queued = call{"Queued", func(s *Store, _ []webhook.ID) error {
			_, err := s.Queued(t.Context(), 1, webhook.ID{}, 5, 1<<20)
			return err
		}}
		scheduled = call{"Scheduled", func(s *Store, _ []webhook.ID) error {
			_, _, err := s.Scheduled(t.Context(), 1, webhook.Slot{}, time.Now().Add(time.Hour), 5, 1<<20)
			return err
		}}
		list = func(q webhook.DeliveryQuery) call {
			return call{"ListDeliveries", func(s *Store, _ []webhook.ID) error {
				q.Limit = 9
				_, err := s.ListDeliveries(t.Context(), q)
				return err
			}}
		}
		one = func(i int) call {
			return call{"Delivery", func(s *Store, ids []webhook.ID) error { _, err := s.Delivery(t.Context(), ids[i]); return err }}
		}
		ofEvent = func(i int) call {
			return call{"EventDeliveries", func(s *Store, ids []webhook.ID) error {
				_, err := s.EventDeliveries(t.Context(), ids[i], 0, 9)
				return err
			}}
		}
		requeue = func(i int) call {
			return call{"Requeue", func(s *Store, ids []webhook.ID) error { _, err := s.Requeue(t.Context(), ids[i]); return err }}
		}
		cancel = func(i int) call {
			return call{"Cancel", func(s *Store, ids []webhook.ID) error {
				_, err := s.Cancel(t.Context(), ids[i], webhook.ReasonCancelled, time.Now())
				return err
			}}
		}
		replay = call{"Replay", func(s *Store, _ []webhook.ID) error {
			_, _, err := s.Replay(t.Context(), webhook.DeliveryQuery{Endpoint: 1, Limit: 9})
			return err
		}}
		cancelAll = call{"CancelPending", func(s *Store, _ []webhook.ID) error {
			_, err := s.CancelPending(t.Context(), 1, webhook.ReasonCancelled, time.Now(), 9)
			return err
		}}
		reap = call{"Reap", func(s *Store, _ []webhook.ID) error {
			_, err := s.Reap(t.Context(), time.Now().Add(100*24*time.Hour), 1000)
			return err
		}}
		gate  = call{"Gate", func(s *Store, _ []webhook.ID) error { _, err := s.Gate(t.Context(), 1); return err }}
		wakes = call{"Wakes", func(s *Store, _ []webhook.ID) error {
			return visited(func(v func(webhook.Wake) error) error { return s.Wakes(t.Context(), webhook.AllParts(), 0, v) })
		}}
		scan = call{"scannedWakes", func(s *Store, _ []webhook.ID) error {
			return visited(func(v func(webhook.Wake) error) error { return s.scannedWakes(webhook.AllParts(), 0, v) })
		}}
		endpoint = call{"Endpoint", func(s *Store, _ []webhook.ID) error { _, err := s.Endpoint(t.Context(), 1); return err }}
		all      = call{"ListEndpoints", func(s *Store, _ []webhook.ID) error { _, err := s.ListEndpoints(t.Context(), "", 0, 9); return err }}
		theirs   = call{"ListEndpoints", func(s *Store, _ []webhook.ID) error { _, err := s.ListEndpoints(t.Context(), "a", 0, 9); return err }}
		each     = call{"EachEndpoint", func(s *Store, _ []webhook.ID) error {
			return visited(func(v func(webhook.Endpoint) error) error { return s.EachEndpoint(t.Context(), v) })
		}}
		update = call{"UpdateEndpoint", func(s *Store, _ []webhook.ID) error {
			_, err := s.UpdateEndpoint(t.Context(), 1, func(*webhook.Endpoint) error { return nil })
			return err
		}}
		create = call{"CreateEndpoint", func(s *Store, _ []webhook.ID) error {
			_, err := s.CreateEndpoint(t.Context(), webhook.Endpoint{ID: webhook.ID{Seq: 3}, ClientID: "a"})
			return err
		}}
		reseal = call{"Reseal", func(s *Store, _ []webhook.ID) error {
			_, _, err := s.Reseal(t.Context(), storage.Resealing{KeyID: "k", Limit: 9})
			return err
		}}
		types  = call{"EventTypes", func(s *Store, _ []webhook.ID) error { _, err := s.EventTypes(t.Context()); return err }}
		keys   = call{"APIKeys", func(s *Store, _ []webhook.ID) error { _, err := s.APIKeys(t.Context()); return err }}
		grants = call{"Grants", func(s *Store, _ []webhook.ID) error { _, err := s.Grants(t.Context()); return err }}
		grant  = call{"Grant", func(s *Store, _ []webhook.ID) error { _, err := s.Grant(t.Context(), "g"); return err }}
		redeem = call{"RedeemGrant", func(s *Store, _ []webhook.ID) error {
			return s.RedeemGrant(t.Context(), "g", webhook.Grant{ID: "session"})
		}}
		revoke  = call{"DeleteGrant", func(s *Store, _ []webhook.ID) error { return s.DeleteGrant(t.Context(), "g") }}
		uses    = call{"KeyUses", func(s *Store, _ []webhook.ID) error { _, err := s.KeyUses(t.Context()); return err }}
		cursor  = call{"CursorKey", func(s *Store, _ []webhook.ID) error { _, err := s.CursorKey(t.Context(), [32]byte{1}); return err }}
		publish = call{"Accept", func(s *Store, _ []webhook.ID) error {
			done, e := make(chan error, 1), someEvent()
			s.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
			return <-done
		}}
		settleAgain = func(i int) call { // one without attempt reads the stored one
			return call{"Settle", func(s *Store, ids []webhook.ID) error {
				was := webhook.Delivery{ID: ids[i], Status: webhook.Retrying, Attempts: 1}
				done := make(chan error, 1)
				now := was.Fail(webhook.ReasonPanic, time.Now())
				s.Settle(webhook.Settlement{Was: was.Place(), Now: now}, func(err error) { done <- err })
				return <-done
			}}
		}
		latest = func(ids []webhook.ID) []byte { return layout.AttemptKey(ids[1], 1) }
		event0 = someEvent()
	)
	for reason, c := range map[string]struct {
		damage func(ids []webhook.ID) []byte
		calls  []call
	}{
		"the event of a queued delivery":    {event(0), []call{queued, one(0), ofEvent(0), requeue(0), cancel(0), cancelAll, list(webhook.DeliveryQuery{}), list(webhook.DeliveryQuery{Endpoint: 1}), reap}},
		"the event of a retrying delivery":  {event(1), []call{scheduled, ofEvent(1), requeue(1), list(webhook.DeliveryQuery{})}},
		"the event of a delivered delivery": {event(2), []call{ofEvent(2), requeue(2), list(webhook.DeliveryQuery{EventType: "x"})}},
		"a queued delivery":                 {delivery(0, layout.SpaceQueued), []call{queued, one(0), ofEvent(0), requeue(0), cancel(0), cancelAll, list(webhook.DeliveryQuery{ClientID: "a"})}},
		"a retrying delivery":               {delivery(1, layout.SpaceRetrying), []call{scheduled, one(1), requeue(1), cancel(1), settleAgain(1), list(webhook.DeliveryQuery{Endpoint: 1})}},
		"a delivered delivery":              {delivery(2, layout.SpaceDelivered), []call{one(2), replay, list(webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Delivered})}},
		"a failed delivery":                 {delivery(3, layout.SpaceFailed), []call{one(3), replay, requeue(3)}},
		"the latest attempt":                {latest, []call{one(1), ofEvent(1), cancel(1), cancelAll, settleAgain(1), list(webhook.DeliveryQuery{Endpoint: 1})}},
		"a body":                            {func(ids []webhook.ID) []byte { return layout.BodyKey(ids[1], 1) }, []call{one(1)}},
		"a breaker's state":                 {at(layout.EndpointKey(layout.SpaceGate, 1)), []call{gate, wakes, scan}},
		"an endpoint":                       {at(layout.EndpointKey(layout.SpaceEndpoint, 1)), []call{endpoint, all, theirs, each, update, reseal}},
		"a deleted endpoint":                {at(layout.EndpointKey(layout.SpaceEndpoint, 2)), []call{all, each, reap}},
		"the last number":                   {at(layout.MetaLastNumber), []call{create}},
		"the last Seq":                      {at(layout.MetaLastSeq), []call{create}},
		"an event type":                     {at(layout.EventTypeKey("t")), []call{types}},
		"an API key":                        {at(layout.APIKeyKey("k")), []call{keys}},
		"a grant":                           {at(layout.GrantKey(layout.SpaceGrant, "g")), []call{grants, grant, redeem, revoke}},
		"the count of a secret key":         {at(layout.SecretKeyKey("k")), []call{uses}},
		"the cursor key":                    {at(layout.MetaCursorKey), []call{cursor}},
		"an idempotency key":                {at(layout.IdempotencyKey(&event0)), []call{publish}},
	} {
		t.Run(reason, func(t *testing.T) {
			s, ids := damagedStore(t, c.damage)
			for _, call := range c.calls {
				if err := call.of(s, ids); !errors.Is(err, record.ErrDamaged) {
					t.Errorf("%s: %v, want %v", call.name, err, record.ErrDamaged)
				}
			}
			if err := s.Err(); err != nil {
				t.Error("one record breaks the store:", err)
			}
		})
	}
}

// TestOpenRefusesDamagedNumbers: a store that cannot read how far it came would issue
// numbers twice, or take an older copy of its files for the latest.
func TestOpenRefusesDamagedNumbers(t *testing.T) {
	for what, c := range map[string]struct {
		key  []byte
		says string
	}{
		"the version":       {layout.MetaVersion, ""},
		"an upgrade":        {layout.MetaUpgrading, "read the state of an upgrade"},
		"the last Seq":      {layout.MetaLastSeq, "read last id"},
		"the commits":       {layout.MetaCommits, "read the number of commits"},
		"the tally":         {layout.MetaPending, "read the count of pending deliveries"},
		"unfinished events": {layout.RemainderKey(someID), "finish event"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, openTest(t, dir))
			overwrite(t, dir, c.key, []byte{9})
			s, err := Open(Options{Dir: dir})
			if err == nil {
				closed(t, s)
			}
			if !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v with %q", err, record.ErrDamaged, c.says)
			}
		})
	}
}

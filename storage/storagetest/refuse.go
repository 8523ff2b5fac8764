package storagetest

import (
	"context"
	"errors"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// refuseTests call every method of the interface, so that none is forgotten where all
// have to behave alike.
var refuseTests = []test{
	{name: "refuses every write after Close", run: func(f *fixture) {
		f.must(f.Close())
		for name, call := range writes(f.Context()) {
			if err := call(f.Store); !isClosed(err) {
				f.Errorf("%s: %v, want an error that says that storage is closed", name, err)
			}
		}
	}},
	{name: "refuses every read after Close", run: func(f *fixture) {
		f.must(f.Close())
		for name, call := range reads(f.Context()) {
			if err := call(f.Store); !isClosed(err) {
				f.Errorf("%s: %v, want an error that says that storage is closed", name, err)
			}
		}
	}},
	{name: "begins no write whose context has ended", run: func(f *fixture) {
		ids := f.queued(1, 2)
		f.attempted(ids[1], 200)
		before := []webhook.Delivery{f.delivery(ids[0]), f.delivery(ids[1])}
		ended, end := context.WithCancel(f.Context())
		end()
		for name, call := range writes(ended) {
			if withDone[name] || mayBeIdle[name] {
				continue
			}
			if err := call(f.Store); !errors.Is(err, context.Canceled) {
				f.Errorf("%s: %v, want that the context has ended", name, err)
			}
		}
		same(f, []webhook.Delivery{f.delivery(ids[0]), f.delivery(ids[1])}, before)
	}},
}

// isClosed reports whether an error says that the store was closed.
func isClosed(err error) bool { return errors.Is(err, webhook.ErrShuttingDown) }

// withDone are the writes that report by a callback and take no context.
var withDone = map[string]bool{"Accept": true, "Settle": true, "SaveGate": true}

// mayBeIdle are the writes that need not look at the context while they find nothing to do.
var mayBeIdle = map[string]bool{"Reencrypt": true, "Reap": true}

// writes returns a call of each writing method.
func writes(ctx context.Context) map[string]func(storage.Store) error {
	return map[string]func(storage.Store) error{
		"Accept": func(s storage.Store) error {
			_, err := waitFor(s, []webhook.Event{{ID: webhook.ID{Seq: 1 << 50}, Endpoints: []webhook.EndpointNumber{1}}})
			return err
		},
		"Settle": func(s storage.Store) error {
			done := make(chan error, 1)
			s.Settle(webhook.Settlement{Now: webhook.Delivery{ID: webhook.ID{Seq: 1, Endpoint: 1}}}, func(err error) { done <- err })
			return <-done
		},
		"SaveGate": func(s storage.Store) error {
			done := make(chan error, 1)
			s.SaveGate(1, webhook.GateState{Openings: 1}, func(err error) { done <- err })
			return <-done
		},
		"CreateEndpoint": func(s storage.Store) error {
			_, err := s.CreateEndpoint(ctx, webhook.Endpoint{ID: webhook.ID{Seq: 1}})
			return err
		},
		"UpdateEndpoint": func(s storage.Store) error {
			_, err := s.UpdateEndpoint(ctx, 1, func(*webhook.Endpoint) error { return nil })
			return err
		},
		"CreateEventType": func(s storage.Store) error { return s.CreateEventType(ctx, webhook.EventType{Name: "a"}) },
		"UpdateEventType": func(s storage.Store) error { return s.UpdateEventType(ctx, webhook.EventType{Name: "a"}) },
		"DeleteEventType": func(s storage.Store) error { return s.DeleteEventType(ctx, "a") },
		"CreateAPIKey":    func(s storage.Store) error { return s.CreateAPIKey(ctx, webhook.APIKey{ID: "a"}) },
		"DeleteAPIKey":    func(s storage.Store) error { return s.DeleteAPIKey(ctx, "a") },
		"CreateGrant":     func(s storage.Store) error { return s.CreateGrant(ctx, webhook.Grant{ID: "a"}) },
		"RedeemGrant":     func(s storage.Store) error { return s.RedeemGrant(ctx, "a", webhook.Grant{ID: "b"}) },
		"DeleteGrant":     func(s storage.Store) error { return s.DeleteGrant(ctx, "a") },
		"CursorKey": func(s storage.Store) error {
			_, err := s.CursorKey(ctx, [32]byte{1})
			return err
		},
		"Requeue": func(s storage.Store) error {
			_, err := s.Requeue(ctx, webhook.ID{Seq: 1, Endpoint: 1})
			return err
		},
		"Cancel": func(s storage.Store) error {
			_, err := s.Cancel(ctx, webhook.ID{Seq: 1, Endpoint: 1}, webhook.ReasonCancelled, webhook.ID{}.Time())
			return err
		},
		"Replay": func(s storage.Store) error {
			_, _, err := s.Replay(ctx, webhook.DeliveryQuery{Endpoint: 1, Limit: 1})
			return err
		},
		"CancelPending": func(s storage.Store) error {
			_, err := s.CancelPending(ctx, 1, webhook.ReasonCancelled, webhook.ID{}.Time(), 1)
			return err
		},
		"CreateJob": func(s storage.Store) error {
			_, err := s.CreateJob(ctx, bulk.Job{ID: webhook.ID{Seq: 1, Endpoint: 1}})
			return err
		},
		"UpdateJob": func(s storage.Store) error {
			_, err := s.UpdateJob(ctx, webhook.ID{Seq: 1, Endpoint: 1}, func(*bulk.Job) error { return nil })
			return err
		},
		"AdvanceJob": func(s storage.Store) error {
			_, _, err := s.AdvanceJob(ctx, webhook.ID{Seq: 1, Endpoint: 1}, bulk.Step{})
			return err
		},
		"Reencrypt": func(s storage.Store) error { _, err := s.Reencrypt(ctx, 1); return err },
		"Reap":      func(s storage.Store) error { _, err := s.Reap(ctx, webhook.ID{}.Time(), 1); return err },
	}
}

// reads returns a call of each reading method that returns an error.
func reads(ctx context.Context) map[string]func(storage.Store) error {
	id := webhook.ID{Seq: 1, Endpoint: 1}
	return map[string]func(storage.Store) error{
		"Endpoint":      func(s storage.Store) error { _, err := s.Endpoint(ctx, 1); return err },
		"ListEndpoints": func(s storage.Store) error { _, err := s.ListEndpoints(ctx, "", 0, 1); return err },
		"EachEndpoint": func(s storage.Store) error {
			return s.EachEndpoint(ctx, func(webhook.Endpoint) error { return nil })
		},
		"EventTypes": func(s storage.Store) error { _, err := s.EventTypes(ctx); return err },
		"APIKeys":    func(s storage.Store) error { _, err := s.APIKeys(ctx); return err },
		"Grants":     func(s storage.Store) error { _, err := s.Grants(ctx); return err },
		"Grant":      func(s storage.Store) error { _, err := s.Grant(ctx, "a"); return err },
		"Event":      func(s storage.Store) error { _, err := s.Event(ctx, id); return err },
		"Queued":     func(s storage.Store) error { _, err := s.Queued(ctx, 1, webhook.ID{}, 1, 1); return err },
		"Scheduled": func(s storage.Store) error {
			_, _, err := s.Scheduled(ctx, 1, webhook.Slot{}, id.Time(), 1, 1)
			return err
		},
		"Gate":     func(s storage.Store) error { _, err := s.Gate(ctx, 1); return err },
		"Backlog":  func(s storage.Store) error { _, err := s.Backlog(ctx, 1); return err },
		"Delivery": func(s storage.Store) error { _, err := s.Delivery(ctx, id); return err },
		"EventDeliveries": func(s storage.Store) error {
			_, err := s.EventDeliveries(ctx, id, 0, 1)
			return err
		},
		"ListDeliveries": func(s storage.Store) error {
			_, err := s.ListDeliveries(ctx, webhook.DeliveryQuery{Limit: 1})
			return err
		},
		"SecretKeys":     func(s storage.Store) error { _, err := s.SecretKeys(ctx); return err },
		"Job":            func(s storage.Store) error { _, err := s.Job(ctx, id); return err },
		"ListJobs":       func(s storage.Store) error { _, err := s.ListJobs(ctx, bulk.Query{Limit: 1}); return err },
		"UnfinishedJobs": func(s storage.Store) error { _, err := s.UnfinishedJobs(ctx); return err },
		"MissingEvents": func(s storage.Store) error {
			_, err := s.MissingEvents(ctx, bulk.MissingQuery{Endpoint: 1, Limit: 1})
			return err
		},
		"Wakes": func(s storage.Store) error {
			return s.Wakes(ctx, webhook.AllParts(), 0, func(webhook.Wake) error { return nil })
		},
	}
}

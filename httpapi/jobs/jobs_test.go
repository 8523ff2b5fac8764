package jobs

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// slowStore has more deliveries and missing events than anybody waits for.
type slowStore struct {
	*memstore.Store
	page  time.Duration // time that a page takes
	pages int           // that there are
	fails error
	read  int
}

func (s *slowStore) next(before webhook.ID) (next webhook.ID, err error) {
	time.Sleep(s.page)
	s.read++
	if int(before.Seq)+1 < s.pages {
		next = webhook.ID{Seq: before.Seq + 1}
	}
	return next, s.fails
}

func (s *slowStore) ListDeliveries(_ context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error) {
	next, err := s.next(q.Before)
	return webhook.DeliveryPage{Deliveries: make([]webhook.Delivery, q.Limit), Next: next}, err
}

func (s *slowStore) MissingEvents(_ context.Context, q bulk.MissingQuery) (bulk.MissingPage, error) {
	next, err := s.next(q.Before)
	events := make([]bulk.MissingEvent, q.Limit)
	for i := range events {
		events[i].Size = 10
	}
	return bulk.MissingPage{Events: events, Next: next}, err
}

// counting returns the calls on a store.
func counting(store *slowStore, ended *int) *Jobs {
	return New(Options{
		Store: store,
		Begin: func(*auth.Principal) (func(), error) { return func() { *ended++ }, nil },
		Show: func(_ context.Context, list []webhook.Delivery) ([]view.Delivery, error) {
			return make([]view.Delivery, len(list)), nil
		},
		Health:   func(context.Context, webhook.EndpointNumber) (webhook.Health, error) { return webhook.Health{}, nil },
		Settings: func(*webhook.Endpoint) webhook.Settings { return webhook.DefaultSettings() },
	})
}

// TestCountIsBounded: a count ends after a time, or at a number, and says so.
func TestCountIsBounded(t *testing.T) {
	for _, c := range []struct {
		reason string
		page   time.Duration
		pages  int
		count  int64
		exact  bool
	}{
		{"few", time.Millisecond, 3, 750, true},
		{"more than the bound", time.Microsecond, 10_000, maxCount, false},
		{"a slow store", time.Second, 100, 750, false},
	} {
		for _, action := range []bulk.Action{bulk.Replay, bulk.Backfill} {
			synctest.Test(t, func(t *testing.T) {
				ended, store := 0, &slowStore{Store: memstore.Open(memstore.Options{}), page: c.page, pages: c.pages}
				defer func() { _ = store.Close() }()
				j := bulk.Job{Action: action, Filter: bulk.Filter{Statuses: []webhook.Status{webhook.Failed}}}
				got, err := counting(store, &ended).count(t.Context(), nil, &j, &webhook.Endpoint{})
				if err != nil || got.Count != c.count || got.Exact != c.exact || len(got.First) != shownFirst || ended != 1 {
					t.Errorf("%s, %s: %d, exact %t, %d shown, %v", c.reason, action, got.Count, got.Exact, len(got.First), err)
				}
			})
		}
	}
}

// TestCountFails: an error of storage is the call's, and the caller's share is given back.
func TestCountFails(t *testing.T) {
	broken := errors.New("broken")
	for _, action := range bulk.Actions {
		ended, store := 0, &slowStore{Store: memstore.Open(memstore.Options{}), pages: 1, fails: broken}
		j := bulk.Job{Action: action, Filter: bulk.Filter{Statuses: []webhook.Status{webhook.Failed}}}
		if _, err := counting(store, &ended).count(t.Context(), nil, &j, &webhook.Endpoint{}); !errors.Is(err, broken) || ended != 1 {
			t.Errorf("%s: %v, ended %d times", action, err, ended)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSeconds: what bounds the deliveries most decides how long they take.
func TestSeconds(t *testing.T) {
	plain := webhook.Settings{Concurrency: 10}
	for _, c := range []struct {
		reason   string
		count    int64
		job      bulk.Job
		settings webhook.Settings
		health   webhook.Health
		want     int64
	}{
		{"nothing", 0, bulk.Job{Action: bulk.Replay, Rate: 1}, plain, webhook.Health{P50: time.Hour}, 0},
		{"the job's rate", 100, bulk.Job{Action: bulk.Replay, Rate: 3}, plain, webhook.Health{}, 34},
		{"the webhook's rate", 100, bulk.Job{Action: bulk.Backfill, Rate: 50}, webhook.Settings{Rate: 0.5}, webhook.Health{}, 200},
		{"a slow receiver", 100, bulk.Job{Action: bulk.Retry}, plain, webhook.Health{P50: 2 * time.Second}, 20},
		{"no bound that is known", 100, bulk.Job{Action: bulk.Retry}, webhook.Settings{}, webhook.Health{}, 0},
		{"cancelling asks no receiver", 3000, bulk.Job{Action: bulk.Cancel}, webhook.Settings{Rate: 0.1}, webhook.Health{P50: time.Hour}, 3},
		{"cancelling at a rate", 3000, bulk.Job{Action: bulk.Cancel, Rate: 10}, plain, webhook.Health{}, 300},
	} {
		if got := seconds(c.count, &c.job, &c.settings, &c.health); got != c.want {
			t.Errorf("%s: %d s, want %d", c.reason, got, c.want)
		}
	}
}

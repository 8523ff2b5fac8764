package storagetest

import (
	"slices"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// job has a job of one endpoint take a step that names any deliveries and events, and
// compares what is missing before and after it.
func (p *pair) job() {
	n := some(p, p.endpoints)
	j := bulk.Job{ID: webhook.ID{Seq: p.seq.Next(p.now), Endpoint: n, Nonce: 1}, Action: bulk.Backfill, Status: bulk.Running}
	if _, err := both(p, "CreateJob", func(s storage.Store) (webhook.ID, error) { return s.CreateJob(p.Context(), j) }); err != nil {
		p.Errorf("CreateJob: %v", err)
	}
	p.compareMissing(n)
	// A step names each delivery once, and a missing one is none to be requeued.
	step, named := bulk.Step{Last: true, Now: p.now, Looked: 3}, map[webhook.ID]bool{}
	for range 1 + p.random.IntN(5) {
		if id := some(p, p.deliveries); id.Endpoint == n && !named[id.Event()] {
			step.Requeue, named[id.Event()] = append(step.Requeue, id), true
		}
		if id := some(p, p.events); id != (webhook.ID{}) && !named[id.Event()] {
			step.Missing, named[id.Event()] = append(step.Missing, id.Event()), true
		}
	}
	type result struct {
		job  bulk.Job
		made int
	}
	_, err := both(p, "AdvanceJob", func(s storage.Store) (r result, err error) {
		r.job, r.made, err = s.AdvanceJob(p.Context(), j.ID, step)
		return r, err
	})
	if err != nil {
		p.Errorf("AdvanceJob: %v", err)
	}
	for _, event := range step.Missing {
		if id := event.For(n); !slices.Contains(p.deliveries, id) {
			p.deliveries = append(p.deliveries, id)
		}
	}
	p.compareMissing(n)
	_, _ = both(p, "ListJobs", func(s storage.Store) (bulk.Page, error) {
		return s.ListJobs(p.Context(), bulk.Query{Endpoint: n, Limit: 100})
	})
}

// compareMissing compares which events an endpoint was never sent.
func (p *pair) compareMissing(n webhook.EndpointNumber) {
	q := bulk.MissingQuery{Endpoint: n, ClientID: some(p, clients), EventTypes: []string{"*"}, Limit: 250}
	_, _ = both(p, "MissingEvents", func(s storage.Store) (ids []webhook.ID, err error) {
		page, err := s.MissingEvents(p.Context(), q)
		for i := range page.Events {
			ids = append(ids, page.Events[i].ID)
		}
		return ids, err
	})
}

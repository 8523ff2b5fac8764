package actors

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// advance makes the only step of a new job of an endpoint.
func (r *rig) advance(n webhook.EndpointNumber, s bulk.Step) error {
	r.t.Helper()
	id := webhook.ID{Seq: r.options.Sequence.Next(time.Now()), Endpoint: n, Nonce: 1}
	if _, err := r.store.CreateJob(r.t.Context(), bulk.Job{ID: id, Status: bulk.Running}); err != nil {
		r.t.Fatal(err)
	}
	s.Last, s.Now = true, time.Now()
	_, err := r.d.AdvanceJob(context.Background(), id, s)
	if err != nil {
		_, updateErr := r.store.UpdateJob(r.t.Context(), id, func(j *bulk.Job) error { j.Finish(bulk.Failed, "", time.Now()); return nil })
		err = errors.Join(err, updateErr)
	}
	return err
}

// TestAdvanceJob: what a step requeues or makes is sent at once, and a step that would add
// to the queue is refused as publishing is.
func TestAdvanceJob(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		n := r.register(regular(time.Second, 1))
		r.receiver.does(n, answers(500, time.Millisecond))
		failed := r.publishOne(n)
		time.Sleep(time.Second)
		r.wantStatus(failed, webhook.Failed, webhook.ReasonHTTP5xx, 1)
		r.receiver.does(n, answers(200, time.Millisecond))
		late := r.register(regular(time.Second, 1))
		r.receiver.does(late, answers(200, time.Millisecond))

		requeue, missing := bulk.Step{Requeue: []webhook.ID{failed}}, bulk.Step{Missing: []webhook.ID{failed.Event()}}
		r.d.SetDiskReserve(true)
		wantError(t, r.advance(n, requeue), webhook.ErrDiskReserve)
		if err := r.advance(n, bulk.Step{Looked: 3}); err != nil {
			t.Error("a step that sends nothing:", err)
		}
		r.d.SetDiskReserve(false)
		r.d.SetMaxPending(0)
		wantError(t, r.advance(late, missing), webhook.ErrTooManyPending)
		r.d.SetMaxPending(1000)
		if d, err := r.store.Delivery(t.Context(), failed.For(late)); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("a refused step made %+v, %v", d, err)
		}

		if err := errors.Join(r.advance(n, requeue), r.advance(late, missing)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		r.wantDelivered(failed, failed.For(late))
		if err := r.advance(late, missing); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := len(r.receiver.sent(late)); got != 1 {
			t.Errorf("the missing event was sent %d times", got)
		}
		if !r.d.Delivers(n) {
			t.Error("the only node does not deliver")
		}
	})
}

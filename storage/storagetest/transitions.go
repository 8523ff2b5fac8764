package storagetest

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// transition is what one call does to a delivery of one status.
type transition struct {
	call string
	from webhook.Status
	to   webhook.Status // where the delivery is afterwards
	err  error
}

// transitions is the whole table: every call that moves a delivery, from every status.
var transitions = []transition{
	{"Requeue", webhook.Queued, webhook.Queued, nil},
	{"Requeue", webhook.Retrying, webhook.Queued, nil},
	{"Requeue", webhook.Delivered, webhook.Queued, nil},
	{"Requeue", webhook.Failed, webhook.Queued, nil},
	{"Requeue", webhook.Cancelled, webhook.Queued, nil},

	{"Cancel", webhook.Queued, webhook.Cancelled, nil},
	{"Cancel", webhook.Retrying, webhook.Cancelled, nil},
	{"Cancel", webhook.Delivered, webhook.Delivered, webhook.ErrConflict},
	{"Cancel", webhook.Failed, webhook.Failed, webhook.ErrConflict},
	{"Cancel", webhook.Cancelled, webhook.Cancelled, webhook.ErrConflict},

	{"Replay", webhook.Queued, webhook.Queued, nil},
	{"Replay", webhook.Retrying, webhook.Retrying, nil},
	{"Replay", webhook.Delivered, webhook.Queued, nil},
	{"Replay", webhook.Failed, webhook.Queued, nil},
	{"Replay", webhook.Cancelled, webhook.Queued, nil},

	{"CancelPending", webhook.Queued, webhook.Cancelled, nil},
	{"CancelPending", webhook.Retrying, webhook.Cancelled, nil},
	{"CancelPending", webhook.Delivered, webhook.Delivered, nil},
	{"CancelPending", webhook.Failed, webhook.Failed, nil},
	{"CancelPending", webhook.Cancelled, webhook.Cancelled, nil},

	{"Settle 200", webhook.Queued, webhook.Delivered, nil},
	{"Settle 200", webhook.Retrying, webhook.Delivered, nil},
	{"Settle 500", webhook.Queued, webhook.Retrying, nil},
	{"Settle 500", webhook.Retrying, webhook.Retrying, nil},
	{"Settle 410", webhook.Queued, webhook.Failed, nil},
	{"Settle 410", webhook.Retrying, webhook.Failed, nil},
}

var transitionTests = []test{
	{name: "moves a delivery as the table of transitions says", run: func(f *fixture) {
		for _, c := range transitions {
			id := f.inStatus(c.from)
			before := f.delivery(id)
			if err := f.call(c.call, id); (err == nil) != (c.err == nil) {
				f.Fatalf("%s of a %s delivery: %v, want %v", c.call, c.from, err, c.err)
			} else if err != nil {
				f.is(err, c.err)
			}
			after := f.delivery(id)
			if after.Status != c.to {
				f.Fatalf("%s of a %s delivery makes it %s, want %s", c.call, c.from, after.Status, c.to)
			}
			f.onlyIn(id, after)
			// What is pending has no end, what has finished no next attempt.
			same(f, after.FinishedAt.IsZero(), !after.Status.Finished())
			same(f, after.NextAttemptAt != 0, after.Status == webhook.Retrying)
			if after.Attempts < before.Attempts || len(after.AttemptLog) < len(before.AttemptLog) {
				f.Fatalf("%s of a %s delivery loses attempts: %+v", c.call, c.from, after)
			}
			// Only what is pending counts, and is found by its actor.
			pending := int64(0)
			if !after.Status.Finished() {
				pending = 1
			}
			same(f, f.Pending(), pending)
			same(f, len(f.wakes()), int(pending))
			f.clear()
		}
	}},
}

// inStatus makes a delivery of endpoint 1 that is in a status.
func (f *fixture) inStatus(s webhook.Status) webhook.ID {
	f.Helper()
	id := f.queued(1, 1)[0]
	switch s {
	case webhook.Retrying:
		f.attempted(id, 500)
	case webhook.Delivered:
		f.attempted(id, 200)
	case webhook.Failed:
		f.attempted(id, 410)
	case webhook.Cancelled:
		_, err := f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.now)
		f.must(err)
	}
	same(f, f.delivery(id).Status, s)
	return id
}

// call makes one of the calls of transitions.
func (f *fixture) call(name string, id webhook.ID) (err error) {
	f.Helper()
	codes := map[string]int{"Settle 200": 200, "Settle 500": 500, "Settle 410": 410}
	switch name {
	case "Requeue":
		_, err = f.Requeue(f.Context(), id)
	case "Cancel":
		_, err = f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.at(1))
	case "Replay":
		// Only this one: earlier ones of the endpoint have finished, too.
		_, _, err = f.Replay(f.Context(), webhook.DeliveryQuery{Endpoint: 1, Limit: 1, Since: id.Time()})
	case "CancelPending":
		_, err = f.CancelPending(f.Context(), 1, webhook.ReasonCancelled, f.at(1), 10)
	default:
		f.attempted(id, codes[name])
	}
	return err
}

// clear ends what endpoint 1 has pending, for the next row of a table.
func (f *fixture) clear() {
	f.Helper()
	_, err := f.CancelPending(f.Context(), 1, webhook.ReasonCancelled, f.now, 100)
	f.must(err)
	f.now = f.now.Add(time.Second)
	same(f, f.Pending(), 0)
}

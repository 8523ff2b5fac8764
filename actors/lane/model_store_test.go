package lane

import (
	"slices"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// modelStore is the simplest storage that keeps the contract, for one endpoint:
// a list of deliveries, and the writes that were handed over but not committed.
type modelStore struct {
	ids        []webhook.ID // ascending
	deliveries map[webhook.ID]webhook.Delivery
	// promised is how the deliveries are once all writes are committed.
	promised map[webhook.ID]webhook.Delivery
	writes   []modelWrite
	accepts  []modelWrite // of several nodes, which commit in any order
	gate     webhook.GateState
}

// modelWrite changes one delivery; done follows its commit.
type modelWrite struct {
	id    webhook.ID
	apply func(webhook.Delivery) webhook.Delivery
	done  func(webhook.Delivery)
}

func newModelStore() *modelStore {
	return &modelStore{
		deliveries: make(map[webhook.ID]webhook.Delivery),
		promised:   make(map[webhook.ID]webhook.Delivery),
	}
}

// submit hands a write over.
func (m *modelStore) submit(w modelWrite) {
	m.promised[w.id] = w.apply(m.promised[w.id])
	m.writes = append(m.writes, w)
}

// accept hands a new delivery over.
func (m *modelStore) accept(w modelWrite) {
	m.promised[w.id] = w.apply(webhook.Delivery{})
	m.accepts = append(m.accepts, w)
}

// commit makes the oldest write visible, and calls its done.
func (m *modelStore) commit() {
	w := m.writes[0]
	m.writes = m.writes[1:]
	m.commitOne(w)
}

// commitAccept makes a new delivery visible, and calls its done.
func (m *modelStore) commitAccept(i int) {
	w := m.accepts[i]
	m.accepts = slices.Delete(m.accepts, i, i+1)
	at, _ := slices.BinarySearchFunc(m.ids, w.id, webhook.ID.Compare)
	m.ids = slices.Insert(m.ids, at, w.id)
	m.commitOne(w)
}

func (m *modelStore) commitOne(w modelWrite) {
	d := w.apply(m.deliveries[w.id])
	m.deliveries[w.id] = d
	w.done(d)
}

func settleModel(now webhook.Delivery) func(webhook.Delivery) webhook.Delivery {
	return func(was webhook.Delivery) webhook.Delivery {
		if was.Status.Finished() && !now.Status.Finished() {
			return was
		}
		return now
	}
}

func requeueModel(d webhook.Delivery) webhook.Delivery {
	if d.Status == webhook.Queued {
		return d
	}
	return d.Requeue()
}

// replayModel touches only what has finished.
func replayModel(d webhook.Delivery) webhook.Delivery {
	if d.Status.Finished() {
		return d.Requeue()
	}
	return d
}

func cancelModel(reason webhook.Reason, now time.Time) func(webhook.Delivery) webhook.Delivery {
	return func(d webhook.Delivery) webhook.Delivery {
		if d.Status.Finished() {
			return d
		}
		return d.Cancel(reason, now)
	}
}

// queued reads the queue from an ID on.
func (m *modelStore) queued(from webhook.ID, limit int) (found []webhook.Delivery) {
	for _, id := range m.ids {
		if d := m.deliveries[id]; d.Status == webhook.Queued && id.Compare(from) >= 0 && len(found) < limit {
			found = append(found, d)
		}
	}
	return found
}

func slotOf(d webhook.Delivery) webhook.Slot { return webhook.Slot{At: d.NextAttemptAt, ID: d.ID} }

// scheduled reads what is due of the retry schedule, from a slot on.
func (m *modelStore) scheduled(from webhook.Slot, now time.Time, limit int) (found []webhook.Delivery, next webhook.DueTime) {
	var all []webhook.Delivery
	for _, id := range m.ids {
		d := m.deliveries[id]
		if d.Status == webhook.Retrying && !slotOf(d).Before(from) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b webhook.Delivery) int { return slotOf(a).Compare(slotOf(b)) })
	for i, d := range all {
		if d.NextAttemptAt.After(now) || i == limit {
			return all[:i], d.NextAttemptAt
		}
	}
	return all, 0
}

// sharesSlotTime reports whether another delivery is scheduled for the same millisecond.
func (m *modelStore) sharesSlotTime(d *webhook.Delivery) bool {
	for id, other := range m.promised {
		if id != d.ID && other.Status == webhook.Retrying && other.NextAttemptAt == d.NextAttemptAt {
			return true
		}
	}
	return false
}

// wake returns the heads of queue and schedule.
func (m *modelStore) wake() *webhook.Wake {
	w := &webhook.Wake{Endpoint: 1}
	if queued := m.queued(webhook.ID{}, 1); len(queued) > 0 {
		w.Queued = queued[0].ID
	}
	if all, _ := m.scheduled(webhook.Slot{}, Never, 1); len(all) > 0 {
		w.Scheduled = slotOf(all[0])
	}
	return w
}

// earliest is when the first pending delivery may be attempted; ok reports whether there is one.
func (m *modelStore) earliest() (at time.Time, ok bool) {
	for _, d := range m.deliveries {
		switch {
		case d.Status == webhook.Queued:
			return time.Time{}, true
		case d.Status == webhook.Retrying && (!ok || d.NextAttemptAt.Time().Before(at)):
			at, ok = d.NextAttemptAt.Time(), true
		}
	}
	return at, ok
}

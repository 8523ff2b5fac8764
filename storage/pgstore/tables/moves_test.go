package tables

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestPendingOf: moves out of the queue and into it cancel each other.
func TestPendingOf(t *testing.T) {
	for _, c := range []struct {
		moves []Move
		want  int64
	}{
		{nil, 0},
		{[]Move{{Queued: 1}, {Queued: 1}, {Retrying: 1}}, 3},
		{[]Move{{Queued: -1, Retrying: 1}}, 0},
		{[]Move{{Queued: -1}, {Retrying: -1}}, -2},
		{slices.Repeat([]Move{{Queued: 1}}, 1000), 1000}, // more than a move's own numbers hold
	} {
		if got := PendingOf(c.moves); got != c.want {
			t.Errorf("%d moves: %d, want %d", len(c.moves), got, c.want)
		}
	}
}

// TestRelocation: each delivery is in its new table with all that it was, in no other one,
// the attempt that its record held is in the log, and the counts follow.
func TestRelocation(t *testing.T) {
	tx, id := begin(t), idAt(time.Hour, 1)
	attempt := []webhook.Attempt{{Number: 21, At: noon, StatusCode: 503}}
	retrying := webhook.Delivery{ID: id.For(1), EventType: "a", Status: webhook.Retrying, Attempts: 2, NextAttemptAt: 9, Reason: webhook.ReasonTimeout}
	failed := webhook.Delivery{
		ID: id.For(2), EventType: "a", Status: webhook.Failed, Attempts: 21, FinishedAt: noon, Reason: webhook.ReasonHTTP5xx, AttemptLog: attempt,
	}
	waiting := webhook.Delivery{ID: id.For(3), EventType: "a", Status: webhook.Retrying, Attempts: 1}
	fresh := webhook.Delivery{ID: id.For(4), Status: webhook.Queued}
	over := webhook.Delivery{ID: id.For(5), EventType: "a", Status: webhook.Cancelled, FinishedAt: noon}
	list := []webhook.Delivery{retrying, failed, waiting, fresh, over}
	put(t, tx, list...)
	later := noon.Add(time.Second)
	var m Relocation
	var want []webhook.Delivery
	for i, now := range []webhook.Delivery{
		retrying.Requeue(), failed.Requeue(), waiting.Cancel(webhook.ReasonCancelled, later), fresh.Fail(webhook.ReasonPayloadMissing, later),
		over.Requeue(),
	} {
		m.Move(&list[i], &now)
		now.AttemptLog = nil // it is in the log
		want = append(want, now)
	}
	m.Add(id.For(6))
	want = append(want, webhook.Delivery{ID: id.For(6), Status: webhook.Queued})
	must(t, m.Write(t.Context(), tx))
	for i := range want {
		d, err := finder().Find(t.Context(), tx, want[i].ID, Reading)
		d.FinishedAt = d.FinishedAt.UTC()
		if err != nil || !reflect.DeepEqual(d, want[i]) {
			t.Errorf("%+v, %v; want %+v", d, err, want[i])
		}
	}
	for table, want := range map[Table]int{QueuedTable: 4, RetryingTable: 0, DoneTable: 2} {
		if got := count(t, tx, string(table)); got != want {
			t.Errorf("%s has %d rows, want %d", table, got, want)
		}
	}
	moves := []Move{
		{ID: id.For(1), Queued: 1, Retrying: -1},
		{ID: id.For(2), Queued: 1},
		{ID: id.For(3), Retrying: -1},
		{ID: id.For(4), Queued: -1},
		{ID: id.For(5), Queued: 1},
		{ID: id.For(6), Queued: 1},
	}
	if !slices.Equal(m.Moved, moves) || PendingOf(m.Moved) != 1 {
		t.Errorf("moves %+v, want %+v", m.Moved, moves)
	}
	if count(t, tx, "done WHERE endpoint = 3 AND status = 3 AND finished = $1", later.UnixMilli()) != 1 ||
		count(t, tx, "queued WHERE endpoint = 6 AND record IS NULL") != 1 {
		t.Error("columns differ from records")
	}
	latest := []webhook.Delivery{want[1]}
	must(t, ReadLatest(t.Context(), tx, latest))
	if log := latest[0].AttemptLog; count(t, tx, "attempt") != 1 || len(log) != 1 || log[0].StatusCode != 503 {
		t.Errorf("the log has %+v", log)
	}
}

// TestRelocationOfWhatIsElsewhere is refused as a whole: somebody else has moved it, though
// it was locked.
func TestRelocationOfWhatIsElsewhere(t *testing.T) {
	tx, id := begin(t), idAt(time.Hour, 1)
	queued := webhook.Delivery{ID: id.For(1), Status: webhook.Queued}
	put(t, tx, queued)
	wrong := webhook.Delivery{ID: id.For(2), Status: webhook.Queued}
	var m, none Relocation
	for _, d := range []webhook.Delivery{queued, wrong} {
		now := d.Cancel(webhook.ReasonCancelled, noon)
		m.Move(&d, &now)
	}
	must(t, none.Write(t.Context(), tx))
	inner, err := tx.Begin(t.Context())
	must(t, err)
	if err := m.Write(t.Context(), inner); !errors.Is(err, ErrMoved) {
		t.Error(err)
	}
	must(t, inner.Rollback(t.Context()))
	if count(t, tx, "queued") != 1 || count(t, tx, "done") != 0 {
		t.Error("something has moved")
	}
}

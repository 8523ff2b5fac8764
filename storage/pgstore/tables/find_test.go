package tables

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// finishedAt returns a delivery that was delivered so long before noon.
func finishedAt(id webhook.ID, ago time.Duration) webhook.Delivery {
	return webhook.Delivery{ID: id, EventType: "own", Status: webhook.Delivered, Attempts: 1, FinishedAt: noon.Add(-ago)}
}

// TestFind: a delivery is found whichever table has it, until it expires. One without a
// type has that of its event, wherever that is.
func TestFind(t *testing.T) {
	tx, id := begin(t), idAt(time.Hour, 1)
	kept, gone := idAt(48*time.Hour, 2), idAt(48*time.Hour, 3)
	putEvents(t, tx, "event", webhook.Event{ID: id, Type: "day"})
	putEvents(t, tx, "event_kept", webhook.Event{ID: kept, Type: "kept"})
	put(t, tx, webhook.Delivery{ID: id.For(1)}, webhook.Delivery{ID: kept.For(1)}, webhook.Delivery{ID: gone.For(1)},
		webhook.Delivery{ID: id.For(2), EventType: "own", Status: webhook.Retrying, Attempts: 3, NextAttemptAt: 77},
		webhook.Delivery{ID: id.For(3), EventType: "own", Status: webhook.Queued, Attempts: 5, Spent: 5},
		finishedAt(id.For(4), 0), finishedAt(id.For(5), retention-time.Millisecond), finishedAt(id.For(6), retention))
	type result struct {
		status   webhook.Status
		name     string
		attempts int
	}
	for _, c := range []struct {
		why  string
		id   webhook.ID
		want result // zero if it is not found
	}{
		{"fresh", id.For(1), result{webhook.Queued, "day", 0}},
		{"fresh, of a kept event", kept.For(1), result{webhook.Queued, "kept", 0}},
		{"fresh, without event", gone.For(1), result{webhook.Queued, "", 0}},
		{"retrying", id.For(2), result{webhook.Retrying, "own", 3}},
		{"queued again", id.For(3), result{webhook.Queued, "own", 5}},
		{"finished", id.For(4), result{webhook.Delivered, "own", 1}},
		{"about to expire", id.For(5), result{webhook.Delivered, "own", 1}},
		{"expired", id.For(6), result{}},
		{"another endpoint of that part", id.For(257), result{}},
		{"another nonce", webhook.ID{Seq: id.Seq, Endpoint: 1, Nonce: 9}, result{}},
		{"an event", id, result{}},
	} {
		for _, how := range []lookup{Reading, Changing} {
			d, err := finder().Find(t.Context(), tx, c.id, how)
			if errors.Is(err, webhook.ErrNotFound) != (c.want == result{}) || (c.want != result{}) && (err != nil || d.ID != c.id) {
				t.Errorf("%s: %+v, %v", c.why, d, err)
			}
			if got := (result{d.Status, d.EventType, d.Attempts}); got != c.want {
				t.Errorf("%s: %+v, want %+v", c.why, got, c.want)
			}
		}
	}
	k := KeyOf(id.For(8))
	exec(t, tx, `INSERT INTO queued VALUES ($1, $2, $3, $4, '\xff00')`, k.Part, k.Endpoint, k.Seq, k.Nonce)
	if d, err := finder().Find(t.Context(), tx, id.For(8), Reading); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("a damaged record: %+v, %v", d, err)
	}
}

// TestFindForAChangeLocks what it finds, and only then.
func TestFindForAChangeLocks(t *testing.T) {
	tx, other, id := begin(t), begin(t), idAt(time.Hour, 4).For(99)
	put(t, tx, webhook.Delivery{ID: id})
	must(t, tx.Commit(t.Context()))
	defer func() {
		_, err := tx.Conn().Exec(context.Background(), "DELETE FROM queued WHERE endpoint = 99")
		must(t, err)
	}()
	for _, how := range []lookup{Reading, Changing} {
		changing, err := tx.Conn().Begin(t.Context())
		must(t, err)
		_, err = finder().Find(t.Context(), changing, id, how)
		must(t, err)
		trying, err := other.Begin(t.Context()) // its end gives the locks back
		must(t, err)
		var free int
		must(t, trying.QueryRow(t.Context(),
			`WITH free AS (SELECT FROM queued WHERE endpoint = 99 FOR UPDATE SKIP LOCKED) SELECT count(*) FROM free`).Scan(&free))
		if (free == 0) != bool(how) {
			t.Errorf("changing %t: others can change %d rows", how, free)
		}
		must(t, changing.Rollback(t.Context()), trying.Rollback(t.Context()))
	}
	must(t, other.Rollback(t.Context()))
}

// TestFindAll: of several deliveries those that the tables have, except expired ones.
// LockAll finds those of one endpoint only.
func TestFindAll(t *testing.T) {
	tx, a, b := begin(t), idAt(time.Hour, 1), idAt(2*time.Hour, 1)
	put(t, tx, webhook.Delivery{ID: a.For(1)}, webhook.Delivery{ID: a.For(2)}, finishedAt(b.For(1), time.Minute), finishedAt(b.For(2), retention),
		webhook.Delivery{ID: b.For(257), Status: webhook.Retrying, Attempts: 1})
	all := []webhook.ID{a.For(1), a.For(2), b.For(1), b.For(2), b.For(257), a.For(3)}
	for _, c := range []struct {
		tables []Table
		ids    []webhook.ID
		lock   bool
		want   []webhook.ID
	}{
		{DeliveryTables, all, false, []webhook.ID{a.For(1), a.For(2), b.For(1), b.For(257)}},
		{DeliveryTables, all[3:4], false, nil},
		{[]Table{QueuedTable}, all, false, []webhook.ID{a.For(1), a.For(2)}},
		{[]Table{RetryingTable, DoneTable}, all, false, []webhook.ID{b.For(1), b.For(257)}},
		{nil, all, false, nil},
		{DeliveryTables, nil, false, nil},
		{DeliveryTables, []webhook.ID{a.For(1), b.For(1)}, true, []webhook.ID{a.For(1), b.For(1)}},
		{[]Table{DoneTable}, []webhook.ID{a.For(1), b.For(1)}, true, []webhook.ID{b.For(1)}},
		{DeliveryTables, []webhook.ID{b.For(257), a.For(257)}, true, []webhook.ID{b.For(257)}},
	} {
		find := finder().FindAll
		if c.lock {
			find = finder().LockAll
		}
		found, err := find(t.Context(), tx, c.tables, c.ids)
		must(t, err)
		if got := slices.SortedFunc(maps.Keys(found), webhook.ID.Compare); !slices.Equal(got, slices.SortedFunc(slices.Values(c.want), webhook.ID.Compare)) {
			t.Errorf("%v of %v: %v, want %v", c.ids, c.tables, got, c.want)
		}
		for id, d := range found {
			if d.ID != id {
				t.Errorf("%v is under %v", d.ID, id)
			}
		}
	}
}

// TestEventTypes: deliveries without a type get that of their event if it is stored; a
// type of their own stays.
func TestEventTypes(t *testing.T) {
	tx := begin(t)
	day, kept, gone := idAt(time.Hour, 1), idAt(time.Hour, 2), idAt(time.Hour, 3)
	putEvents(t, tx, "event", webhook.Event{ID: day, Type: "day", Endpoints: []webhook.EndpointNumber{1, 2}})
	putEvents(t, tx, "event_kept", webhook.Event{ID: kept, Type: "kept"})
	list := []webhook.Delivery{{ID: day.For(1)}, {ID: gone.For(1)}, {ID: kept.For(1)}, {ID: day.For(2)}, {ID: day.For(3), EventType: "own"}}
	must(t, EventTypes(t.Context(), tx, list), EventTypes(t.Context(), tx, nil))
	for i, want := range []string{"day", "", "kept", "day", "own"} {
		if list[i].EventType != want {
			t.Errorf("delivery %d: %q, want %q", i, list[i].EventType, want)
		}
	}
	heads, err := ReadHeads(t.Context(), tx, []webhook.ID{kept, gone, day})
	must(t, err)
	to, err := record.DecodeRecipients(heads[day])
	if err != nil || len(heads) != 2 || !slices.Equal(to, []webhook.EndpointNumber{1, 2}) {
		t.Errorf("%d heads, recipients %v, %v", len(heads), to, err)
	}
}

// TestReadLatest: the latest attempt is that of the right number, not what else is in its
// slot, and a delivery that has it already is left as it is.
func TestReadLatest(t *testing.T) {
	tx, id := begin(t), idAt(time.Hour, 1)
	for n, attempts := range map[webhook.EndpointNumber][]int{1: {1, 2}, 2: {5}, 257: {3, 2}} {
		for _, number := range attempts {
			putAttempt(t, tx, id.For(n), webhook.Attempt{Number: number, At: noon, StatusCode: 500 + number})
		}
	}
	own := []webhook.Attempt{{Number: 2, StatusCode: 404}}
	list := []webhook.Delivery{
		{ID: id.For(1), Attempts: 2},
		{ID: id.For(2), Attempts: 25},
		{ID: id.For(3), Attempts: 1},
		{ID: id.For(257), Attempts: 3},
		{ID: id.For(1), Attempts: 2, AttemptLog: own},
		{ID: id.For(1)},
	}
	list[5].ID.Nonce = 7
	must(t, ReadLatest(t.Context(), tx, list), ReadLatest(t.Context(), tx, nil))
	var got []string
	for i := range list {
		text := "none"
		if last := list[i].LastAttempt(); last != nil {
			text = fmt.Sprint(last.Number, last.StatusCode)
		}
		got = append(got, text)
	}
	// Slot 5 of the second one has attempt 5, not 25.
	if want := []string{"2 502", "none", "none", "3 503", "2 404", "none"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

package tables

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/corpastro/astrohook/webhook"
)

// TestKeys: an ID is the same after it was stored, columns have the order of IDs, and only
// bounds beyond all times are cut.
func TestKeys(t *testing.T) {
	ids := []webhook.ID{
		{},
		{Nonce: 1},
		{Nonce: math.MaxUint32},
		{Seq: 1, Endpoint: 256},
		{Seq: 1 << 40, Endpoint: 257, Nonce: 1 << 31},
		{Seq: math.MaxInt64, Endpoint: 1<<26 - 1, Nonce: math.MaxUint32},
	}
	keys := KeysOf(ids)
	for i, id := range ids {
		k := KeyOf(id)
		if k.ID() != id || k.Part != int16(id.Endpoint%256) || k.Seq < 0 || k.Nonce < 0 {
			t.Errorf("%+v becomes %+v, and %+v again", id, k, k.ID())
		}
		if got := (Key{keys.Parts[i], keys.Endpoints[i], keys.Seqs[i], keys.Nonces[i]}); got != k {
			t.Errorf("row %d is %+v, want %+v", i, got, k)
		}
		if i > 0 {
			before := KeyOf(ids[i-1])
			if slices.Compare([]int64{before.Seq, before.Nonce}, []int64{k.Seq, k.Nonce}) >= 0 {
				t.Errorf("%+v is not after %+v", k, before)
			}
		}
	}
	if k := KeyOf(webhook.ID{Seq: math.MaxUint64, Nonce: 3}); k != (Key{Seq: math.MaxInt64, Nonce: 3}) {
		t.Errorf("the largest Seq becomes %+v", k)
	}
	if none := KeysOf(nil); none.Parts == nil || len(none.Nonces) != 0 {
		t.Errorf("no IDs are %+v: nil would be NULL instead of an empty array", none)
	}
}

// TestStatuses: each status has a table, the scans that find it, and finished ones a code.
func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		status          webhook.Status
		tables          []Table
		scans, finished []Scan
		failing         []Scan
		code            int16 // 0 if it is in no row
	}{
		{"", DeliveryTables, []Scan{scanQueued, scanRetrying, scanDone}, []Scan{scanDone}, []Scan{scanQueued, scanRetrying, scanUndelivered}, 0},
		{webhook.Queued, []Table{QueuedTable}, []Scan{scanQueued}, nil, []Scan{scanQueued}, 0},
		{webhook.Processing, nil, nil, nil, nil, 0},
		{webhook.Retrying, []Table{RetryingTable}, []Scan{scanRetrying}, nil, []Scan{scanRetrying}, 0},
		{webhook.Delivered, []Table{DoneTable}, []Scan{scanDone}, []Scan{scanDone}, []Scan{scanUndelivered}, 1},
		{webhook.Failed, []Table{DoneTable}, []Scan{scanUndelivered}, []Scan{scanUndelivered}, []Scan{scanUndelivered}, 2},
		{webhook.Cancelled, []Table{DoneTable}, []Scan{scanUndelivered}, []Scan{scanUndelivered}, []Scan{scanUndelivered}, 3},
	} {
		if got := tablesFor(c.status); !slices.Equal(got, c.tables) {
			t.Errorf("%q is in %v, want %v", c.status, got, c.tables)
		}
		scans := ScansOf(c.status)
		if !slices.Equal(scans, c.scans) || !slices.Equal(FinishedScans(c.status), c.finished) || !slices.Equal(failing(scans), c.failing) {
			t.Errorf("%q: scans %v, finished %v, failing %v", c.status, scans, FinishedScans(c.status), failing(scans))
		}
		if c.code > 0 && StatusCode(c.status) != c.code {
			t.Errorf("%q has the code %d", c.status, StatusCode(c.status))
		}
		for _, s := range scans {
			if Scans[s] == "" {
				t.Errorf("scan %s has no statement", s)
			}
		}
	}
}

// TestSlots: the latest attempts and bodies have slots of their own, which those that are
// to be forgotten had before.
func TestSlots(t *testing.T) {
	for first := 1; first < 50; first++ {
		used := map[int16]int{}
		for n := first; n < first+webhook.MaxAttemptLog; n++ {
			used[SlotOf(n)]++
		}
		for n := first; n < first+webhook.MaxLongResponses; n++ {
			used[BodySlotOf(n)]++
		}
		if len(used) != webhook.MaxAttemptLog+webhook.MaxLongResponses {
			t.Errorf("from attempt %d: %v", first, used)
		}
		if SlotOf(first) != SlotOf(first+webhook.MaxAttemptLog) || BodySlotOf(first) != BodySlotOf(first+webhook.MaxLongResponses) {
			t.Errorf("attempt %d takes the place of another one than the oldest", first)
		}
	}
}

// TestRowCounts: a statement that was to change locked rows must find all of them.
func TestRowCounts(t *testing.T) {
	sum := 0
	for tag, rows := range map[string]int{"DELETE 3": 3, "UPDATE 0": 0, "INSERT 0 2": 2} {
		tag := pgconn.NewCommandTag(tag)
		for _, want := range []int{rows, rows + 1, rows - 1} {
			if err := AllOf(want)(tag); errors.Is(err, ErrMoved) != (rows != want) {
				t.Errorf("%v for %d rows: %v", tag, want, err)
			}
		}
		must(t, countRows(&sum)(tag))
	}
	if sum != 5 {
		t.Errorf("%d rows", sum)
	}
}

// TestStatements: each has a name of its own, and who asks for them gets a copy.
func TestStatements(t *testing.T) {
	all := Statements()
	for name := range all {
		all[name] = "changed"
	}
	if text := Statements()["find.queued"]; text != `SELECT record FROM queued WHERE part = $1 AND endpoint = $2 AND seq = $3 AND nonce = $4` {
		t.Errorf("find.queued is %q", text)
	}
	defer func() {
		if recover() == nil {
			t.Error("a name is taken twice")
		}
		if got := Statements(); !reflect.DeepEqual(len(got), len(all)) {
			t.Errorf("%d statements, want %d", len(got), len(all))
		}
	}()
	Statement("find.queued", "SELECT 1")
}

// TestHeadsForgetParts: only the marks of the parts that move are dropped, and a read that
// began before sets none.
func TestHeadsForgetParts(t *testing.T) {
	h := NewHeads(func() time.Time { return noon })
	old := []webhook.Delivery{{ID: webhook.ID{Seq: 9, Nonce: 1}}}
	marks := map[webhook.EndpointNumber]Mark{}
	for _, n := range []webhook.EndpointNumber{1, 2, 257} {
		marks[n] = h.Begin(n, noon)
		h.Found(n, marks[n], old)
	}
	var moving webhook.Parts
	moving.Add(webhook.EndpointNumber(257).Part())
	h.Forget(moving)
	h.Found(257, marks[257], old) // of a read that is over only now
	for n, want := range map[webhook.EndpointNumber]webhook.ID{1: {}, 2: old[0].ID, 257: {}} {
		if got := h.Begin(n, noon).Queue; got != want {
			t.Errorf("endpoint %d: %v, want %v", n, got, want)
		}
	}
}

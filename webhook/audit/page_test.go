package audit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// pageOf walks over entries, the newest first, as storage does.
func pageOf(q audit.Query, all []audit.Entry) (p audit.Page, looked int) {
	for i := range all {
		if !q.Starts(all[i].ID) {
			continue
		}
		if q.Ended(&all[i]) {
			break
		}
		if looked++; !p.Add(&q, all[i], looked) {
			break
		}
	}
	return p, looked
}

// TestPagesAreTheWholeList: whatever the limit and the filter, the pages together have each
// selected entry once, newest first, and none is larger than its limit.
func TestPagesAreTheWholeList(t *testing.T) {
	var all []audit.Entry
	for i := range 40 {
		e := entry(-i / 3) // three at a time
		e.ID.Seq += uint64(2 - i%3)
		if i%4 == 0 {
			e.ClientID = "b"
		}
		all = append(all, e)
	}
	for _, q := range []audit.Query{
		{},
		{ClientID: "b"},
		{ClientID: "nobody"},
		{Since: noon.Add(-9 * time.Second)},
		{Until: noon.Add(-3 * time.Second)},
		{ClientID: "a", Since: noon.Add(-9 * time.Second), Until: noon.Add(-3 * time.Second)},
	} {
		var want []webhook.ID
		for i := range all {
			if q.Selects(&all[i]) {
				want = append(want, all[i].ID)
			}
		}
		for q.Limit = 1; q.Limit <= len(all)+1; q.Limit++ {
			if got := listed(t, q, all); !slices.Equal(got, want) {
				t.Errorf("%+v: %d entries, want %d", q, len(got), len(want))
			}
		}
	}
}

// listed returns the entries of all pages.
func listed(t *testing.T, q audit.Query, all []audit.Entry) (ids []webhook.ID) {
	t.Helper()
	for range len(all) + 1 {
		p, _ := pageOf(q, all)
		if len(p.Entries) > q.Limit {
			t.Fatalf("%d entries with the limit %d", len(p.Entries), q.Limit)
		}
		for i := range p.Entries {
			ids = append(ids, p.Entries[i].ID)
		}
		if p.Next == (webhook.ID{}) {
			return ids
		}
		q.Before = p.Next
	}
	t.Fatalf("%+v has no last page", q)
	return nil
}

// TestEnded: the walk ends where every older entry is too old, and never before an entry
// that the list has.
func TestEnded(t *testing.T) {
	for _, c := range []struct {
		why   string
		since time.Time
		want  bool
	}{
		{"no bound", time.Time{}, false},
		{"at the bound", noon, false},
		{"before it", noon.Add(time.Millisecond), true},
		{"after it", noon.Add(-time.Millisecond), false},
		{"within the bound's millisecond", noon.Add(time.Microsecond), false},
	} {
		q, e := audit.Query{Since: c.since}, entry(0)
		if got := q.Ended(&e); got != c.want || got && q.Selects(&e) {
			t.Errorf("%s: ended %t, selected %t", c.why, got, q.Selects(&e))
		}
	}
	q, last := audit.Query{Since: noon}, entry(0)
	if last.ID.Seq--; !q.Ended(&last) {
		t.Error("the last value of the millisecond before does not end the walk")
	}
}

// TestStarts: a list continues after an entry, without it. IDs of one time differ by their
// nonce.
func TestStarts(t *testing.T) {
	before := webhook.ID{Seq: 10, Nonce: 5}
	for id, want := range map[webhook.ID]bool{
		before: false, {Seq: 10, Nonce: 6}: false, {Seq: 11}: false, {Seq: 10, Nonce: 4}: true, {Seq: 9, Nonce: 9}: true,
	} {
		if q := (audit.Query{Before: before}); q.Starts(id) != want {
			t.Errorf("%+v: %t", id, !want)
		}
		if q := (audit.Query{}); !q.Starts(id) {
			t.Errorf("a list does not start with %+v", id)
		}
	}
}

// TestLooksAreBounded: a page ends with its number of looks, whether or not it has found
// something, and continues with the entry after the last one that it has seen.
func TestLooksAreBounded(t *testing.T) {
	q := audit.Query{Limit: 2, By: "client:b"}
	e := entry(0)
	var p audit.Page
	if !p.Add(&q, e, q.Looks()-1) || p.Next != (webhook.ID{}) {
		t.Errorf("one look before the bound: %+v", p)
	}
	if e.By = "client:b"; p.Add(&q, e, q.Looks()) || p.Next != e.ID || len(p.Entries) != 1 {
		t.Errorf("at the bound: %+v", p)
	}
	if a, b := (&audit.Query{Limit: 1}).Looks(), (&audit.Query{Limit: 250}).Looks(); a < 1 || b < 250 || a >= b {
		t.Errorf("%d and %d looks", a, b)
	}
}

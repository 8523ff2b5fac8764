package audit_test

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func entry(seconds int) audit.Entry {
	at := noon.Add(time.Duration(seconds) * time.Second)
	return audit.Entry{
		ID: webhook.ID{Seq: webhook.SeqAt(at), Nonce: 7}, At: at, Action: "webhook.update", By: "client:a", Resource: "wh_1", ClientID: "a",
	}
}

func TestSelects(t *testing.T) {
	e := entry(0)
	for _, c := range []struct {
		why  string
		q    audit.Query
		want bool
	}{
		{"no filter", audit.Query{}, true},
		{"its client", audit.Query{ClientID: "a"}, true},
		{"another client", audit.Query{ClientID: "b"}, false},
		{"a part of its action", audit.Query{Action: "webhook"}, false},
		{"all of them", audit.Query{ClientID: "a", Action: "webhook.update", By: "client:a", Resource: "wh_1"}, true},
		{"all but one", audit.Query{ClientID: "a", Action: "webhook.update", By: "client:b", Resource: "wh_1"}, false},
		{"since then", audit.Query{Since: noon}, true},
		{"since later", audit.Query{Since: noon.Add(time.Millisecond)}, false},
		{"until then", audit.Query{Until: noon}, false},
		{"until later", audit.Query{Until: noon.Add(time.Millisecond)}, true},
	} {
		if got := c.q.Selects(&e); got != c.want {
			t.Errorf("%s: %t", c.why, got)
		}
	}
}

// TestWalk: a page ends at its limit or at its number of looks, and says where to continue.
func TestWalk(t *testing.T) {
	walk := func(q audit.Query, entries int) (p audit.Page, looked int) {
		for i := range entries {
			e := entry(-i)
			if !q.Starts(e.ID) || q.Ended(&e) {
				continue
			}
			if looked++; !p.Add(&q, e, looked) {
				break
			}
		}
		return p, looked
	}
	if p, _ := walk(audit.Query{Limit: 2}, 5); len(p.Entries) != 2 || p.Next != entry(-1).ID {
		t.Errorf("full page: %+v", p)
	}
	if p, _ := walk(audit.Query{Limit: 2, Before: entry(-1).ID}, 5); len(p.Entries) != 2 || p.Entries[0].ID != entry(-2).ID {
		t.Errorf("next page: %+v", p)
	}
	if p, _ := walk(audit.Query{Limit: 9, Since: noon.Add(-2 * time.Second)}, 5); len(p.Entries) != 3 || p.Next != (webhook.ID{}) {
		t.Errorf("bounded by time: %+v", p)
	}
	q := audit.Query{Limit: 1, ClientID: "b"}
	if p, looked := walk(q, 5000); len(p.Entries) != 0 || looked != q.Looks() || p.Next == (webhook.ID{}) {
		t.Errorf("nothing found: %+v after %d", p, looked)
	}
}

// TestID: an entry's ID is no other kind of ID.
func TestID(t *testing.T) {
	text := audit.ID.Format(entry(0).ID)
	if len(text) != len("aud_")+26 {
		t.Errorf("%q", text)
	}
	if _, err := webhook.EventID.Parse(text); err == nil {
		t.Error("it is read as an event's")
	}
}

package storagetest

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// changed stores an entry of the audit, a second after the last one.
func (f *fixture) changed(e audit.Entry) audit.Entry {
	f.Helper()
	f.now = f.now.Add(time.Second)
	e.ID, e.At = webhook.ID{Seq: f.seq.Next(f.now), Nonce: f.nonce}, f.now
	f.must(f.AppendAudit(f.Context(), e))
	return e
}

// audited returns the entries of all pages of a list.
func (f *fixture) audited(q audit.Query) (all []audit.Entry) {
	f.Helper()
	for range 100 {
		page, err := f.ListAudit(f.Context(), q)
		f.must(err)
		if len(page.Entries) > q.Limit {
			f.Fatalf("a page of %d has %d entries", q.Limit, len(page.Entries))
		}
		all = append(all, page.Entries...)
		if q.Before = page.Next; q.Before == (webhook.ID{}) {
			return all
		}
	}
	f.Fatal("the list does not end")
	return nil
}

var auditTests = []test{
	{name: "lists changes newest first, by each filter", run: func(f *fixture) {
		old := f.changed(audit.Entry{Action: "key.create", By: "subject:älice", From: "2001:db8::1", Resource: "abc"})
		mid := f.changed(audit.Entry{Action: "webhook.update", By: "client:a", From: "10.0.0.1", Resource: "wh_1", ClientID: "a", Changes: []audit.Change{
			{Field: "target_url", Before: `"https://a"`, After: `"https://b"`}, {Field: "headers.X", After: `"***"`},
		}})
		young := f.changed(audit.Entry{Action: "webhook.update", By: "key:k", Resource: "wh_2", ClientID: "b"})
		cases := []struct {
			why  string
			q    audit.Query
			want []audit.Entry
		}{
			{"everything, a page for each", audit.Query{Limit: 1}, []audit.Entry{young, mid, old}},
			{"of a client", audit.Query{ClientID: "a", Limit: 9}, []audit.Entry{mid}},
			{"of an action", audit.Query{Action: "webhook.update", Limit: 1}, []audit.Entry{young, mid}},
			{"by somebody", audit.Query{By: "subject:älice", Limit: 9}, []audit.Entry{old}},
			{"of a resource", audit.Query{Resource: "wh_2", Limit: 9}, []audit.Entry{young}},
			{"since, inclusive", audit.Query{Since: mid.At, Limit: 9}, []audit.Entry{young, mid}},
			{"until, exclusive", audit.Query{Until: young.At, Limit: 9}, []audit.Entry{mid, old}},
			{"both, over pages", audit.Query{Since: old.At, Until: young.At, Limit: 1}, []audit.Entry{mid, old}},
			{"after the last", audit.Query{Before: old.ID, Limit: 9}, nil},
			{"nobody's", audit.Query{ClientID: "c", Limit: 9}, nil},
		}
		f.check(func() {
			for _, c := range cases {
				if got := f.audited(c.q); fmt.Sprint(got) != fmt.Sprint(c.want) {
					f.Errorf("%s: got\n%+v\nwant\n%+v", c.why, got, c.want)
				}
			}
			same(f, f.audited(audit.Query{ClientID: "a", Limit: 9}), []audit.Entry{mid})
		})
	}},
	{name: "looks at a bounded number of changes for a page", run: func(f *fixture) {
		first := f.changed(audit.Entry{Action: "key.create", Resource: "first"})
		q := audit.Query{Resource: "first", Limit: 1}
		for range q.Looks() {
			f.changed(audit.Entry{Action: "key.create"})
		}
		page, err := f.ListAudit(f.Context(), q)
		f.must(err)
		if len(page.Entries) > 0 || page.Next == (webhook.ID{}) {
			f.Errorf("a page with %d entries, next %v", len(page.Entries), page.Next)
		}
		same(f, f.audited(q), []audit.Entry{first})
	}},
	{name: "stores a change once, however often it is told", run: func(f *fixture) {
		e := f.changed(audit.Entry{Action: "webhook.delete"})
		f.must(f.AppendAudit(f.Context(), e))
		same(f, f.audited(audit.Query{Limit: 9}), []audit.Entry{e})
	}},
	{name: "forgets changes with the retention", timed: true, run: func(f *fixture) {
		f.now = f.clock()
		e := f.changed(audit.Entry{Action: "webhook.delete"})
		f.sleep(f.config.Retention - f.margin())
		f.reap(f.clock())
		f.now = f.clock()
		later := f.changed(audit.Entry{Action: "webhook.create"})
		same(f, f.audited(audit.Query{Limit: 9}), []audit.Entry{later, e})
		f.sleep(2 * f.margin())
		f.reap(f.clock())
		f.check(func() { same(f, f.audited(audit.Query{Limit: 9}), []audit.Entry{later}) })
	}},
}

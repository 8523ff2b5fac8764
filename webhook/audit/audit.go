// Package audit has the words of the record of changes: what one entry of it says, and
// which entries a list selects, as pure types and rules.
//
// What is worth an entry, and who writes it, belongs to the API; how entries are kept
// belongs to storage.
package audit

import (
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// ID is the kind of an entry's ID. Its Endpoint is 0.
const ID webhook.Kind = "aud_"

// Entry is one change that somebody made through the API.
type Entry struct {
	// ID orders entries by time.
	ID webhook.ID
	At time.Time // to the millisecond
	// Action is noun.verb, such as "webhook.update".
	Action string
	// By names the caller: "subject:…", "client:…", "key:…" or "session:…", and the
	// parts that say more, with a space between.
	By string
	// Operator: the caller was an administrator, whom clients do not see.
	Operator bool
	// From is the address that the request came from, without its port.
	From string
	// Resource is the ID or the name of what was changed; "" for the server as a whole.
	Resource string
	// ClientID owns the resource; "" if no client does.
	ClientID string
	Changes  []Change
}

// Change is one member of a resource that has changed. The texts are JSON; "" is a member
// that was, or is, absent. Values of secrets and headers are never in them.
type Change struct{ Field, Before, After string }

// Query selects entries of a list. Empty members select every entry.
type Query struct {
	ClientID, Action, By, Resource string
	// Since and Until bound the time: Since ≤ t < Until.
	Since, Until time.Time
	// Before continues a list after the entry with this ID; zero starts the list.
	Before webhook.ID
	// Limit bounds the entries of one page, at least 1.
	Limit int
}

// Page is one page of a list, newest first.
type Page struct {
	Entries []Entry
	// Next is the Before of the next page; zero at the end of the list. A page can be
	// shorter than its limit, even empty, and still have a next one: see Query.Looks.
	Next webhook.ID
}

// Looks returns how many entries storage may look at for one page.
func (q *Query) Looks() int { return webhook.MaxLooks(q.Limit) }

// Selects reports whether an entry belongs to the list, apart from Before.
func (q *Query) Selects(e *Entry) bool {
	return is(q.ClientID, e.ClientID) && is(q.Action, e.Action) && is(q.By, e.By) && is(q.Resource, e.Resource) &&
		(q.Since.IsZero() || !e.At.Before(q.Since)) && (q.Until.IsZero() || e.At.Before(q.Until))
}

// is reports whether a filter lets a text through.
func is(filter, text string) bool { return filter == "" || filter == text }

// Starts reports whether a list has come to this entry: it is older than Before.
func (q *Query) Starts(id webhook.ID) bool {
	return q.Before == (webhook.ID{}) || id.Compare(q.Before) < 0
}

// Ended reports whether an entry, and with it every older one, is before Since.
func (q *Query) Ended(e *Entry) bool {
	return !q.Since.IsZero() && e.ID.Seq < webhook.SeqAt(q.Since)
}

// Add looks at the next entry of a descending walk, and reports whether the walk continues.
// looked counts the entries that the walk has shown it, this one included.
func (p *Page) Add(q *Query, e Entry, looked int) bool {
	if q.Selects(&e) {
		p.Entries = append(p.Entries, e)
	}
	if len(p.Entries) >= q.Limit || looked >= q.Looks() {
		p.Next = e.ID
		return false
	}
	return true
}

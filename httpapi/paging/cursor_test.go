package paging

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// keyStore keeps one key. It fails on command.
type keyStore struct {
	key *[32]byte
	err error
}

func (s *keyStore) CursorKey(_ context.Context, offered [32]byte) ([32]byte, error) {
	if s.key == nil {
		s.key = &offered
	}
	return *s.key, s.err
}

func newCursors(t testing.TB) *Cursors {
	t.Helper()
	c, err := Open(&keyStore{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOpen: two processes on one store read each other's cursors, and a store that fails
// is no reason to start with another key.
func TestOpen(t *testing.T) {
	store := &keyStore{}
	first, err := Open(store)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(store)
	if err != nil {
		t.Fatal(err)
	}
	l := Listing{Kind: Webhooks, Of: []string{"acme"}}
	if n, err := second.ReadNumber(l, first.WriteNumber(l, 7)); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := newCursors(t).ReadNumber(l, first.WriteNumber(l, 7)); !errors.Is(err, ErrCursor) {
		t.Errorf("another store's cursor was read as %d, %v", n, err)
	}
	failure := errors.New("disk")
	if _, err := Open(&keyStore{err: failure}); !errors.Is(err, failure) {
		t.Error(err)
	}
}

// TestPlaces: what was written is read, in each form. The empty text is the start of a
// list, and the end of a list has no cursor.
func TestPlaces(t *testing.T) {
	c := newCursors(t)
	l := Listing{Kind: Deliveries, Of: []string{"acme"}}
	id := webhook.ID{Seq: 1 << 40, Endpoint: 3, Nonce: 7}
	if got, err := c.ReadID(l, c.WriteID(l, id)); err != nil || got != id {
		t.Errorf("ID %v, %v", got, err)
	}
	if got, err := c.ReadID(l, ""); err != nil || got != (webhook.ID{}) {
		t.Errorf("start: %v, %v", got, err)
	}
	if got := c.WriteID(l, webhook.ID{}); got != "" {
		t.Errorf("end: %q", got)
	}
	if got, err := c.ReadNumber(l, ""); err != nil || got != 0 {
		t.Errorf("start: %v, %v", got, err)
	}
	if got, err := c.Read(l, c.Write(l, []byte("user.created"))); err != nil || string(got) != "user.created" {
		t.Errorf("name %q, %v", got, err)
	}
}

// TestForeignCursors: a cursor is good for its kind, and for exactly what its list is of.
func TestForeignCursors(t *testing.T) {
	c := newCursors(t)
	mine := Listing{Kind: Deliveries, Of: []string{"acme", "queued"}}
	text := c.Write(mine, []byte("place"))
	for _, other := range []Listing{
		{Kind: Replay, Of: mine.Of},
		{Kind: Deliveries, Of: []string{"acme"}},
		{Kind: Deliveries, Of: []string{"acme", "queued", ""}},
		{Kind: Deliveries, Of: []string{"queued", "acme"}},
		{Kind: Deliveries, Of: []string{"acmeq", "ueued"}},
		{Kind: Deliveries},
	} {
		place, err := c.Read(other, text)
		f, ok := errors.AsType[*webhook.FieldError](err)
		if !ok || f.Field != "cursor" || !errors.Is(err, ErrCursor) {
			t.Errorf("%v: %q, %v", other, place, err)
		}
	}
	for i := range text {
		for _, changed := range []string{text[:i], text[:i] + "\n" + text[i:], text[:i] + string(text[i]^1) + text[i+1:]} {
			if place, err := c.Read(mine, changed); err == nil {
				t.Errorf("%q was read as %q", changed, place)
			}
		}
	}
	for _, changed := range []string{text + "=", text + "A", " " + text, strings.Repeat("A", 1000)} {
		if place, err := c.Read(mine, changed); err == nil {
			t.Errorf("%q was read as %q", changed, place)
		}
	}
}

// FuzzCursor: a text is read only if it is what was written, for the same list.
func FuzzCursor(f *testing.F) {
	c := newCursors(f)
	mine := Listing{Kind: Deliveries, Of: []string{"3", "", "client:acme", "acme"}}
	others := []Listing{
		{Kind: Deliveries, Of: []string{"3", "", "client:globex", "globex"}},
		{Kind: Replay, Of: mine.Of},
		{Kind: Deliveries, Of: []string{"3", "failed", "client:acme", "acme"}},
		{Kind: Deliveries, Of: []string{"client:acme", "acme"}},
	}
	good := c.WriteID(mine, webhook.ID{Seq: 1, Endpoint: 3, Nonce: 7})
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good + "A")
	f.Add(c.WriteID(others[0], webhook.ID{Seq: 1}))
	f.Add(c.Write(Listing{Kind: EventTypes}, []byte("user.created")))
	f.Add("")
	f.Add("ZA")
	f.Fuzz(func(t *testing.T, text string) {
		if place, err := c.Read(mine, text); err == nil && c.Write(mine, place) != text {
			t.Errorf("%q was read as %x", text, place)
		}
		for _, other := range others {
			if place, err := c.Read(other, text); err == nil && c.Write(other, place) != text {
				t.Errorf("%q was read as %x", text, place)
			} else if _, both := c.Read(mine, text); err == nil && both == nil {
				t.Errorf("%q is good for two lists", text)
			}
		}
	})
}

// TestListingsDiffer: parts do not run into one another, nor into the place.
func TestListingsDiffer(t *testing.T) {
	c, seen := &Cursors{}, map[string]bool{}
	for _, of := range [][]string{{}, {""}, {"", ""}, {"a", "b"}, {"ab", ""}, {"ab"}, {"a\x01b"}, {"", "ab"}} {
		for _, place := range []string{"", "c", "\x01c", "\x00"} {
			seen[string(c.sum(Listing{Kind: EventTypes, Of: of}, []byte(place)))] = true
		}
	}
	if len(seen) != 32 {
		t.Errorf("%d of 32 are different", len(seen))
	}
}

// TestPeriod reads ends in their forms, and narrows a query by them.
func TestPeriod(t *testing.T) {
	now := time.Date(2025, 5, 17, 12, 0, 0, 123456789, time.UTC)
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		why, since, until string
		from, to          time.Time
		fault             string
	}{
		{why: "open"},
		{why: "a time", since: "2025-05-17T10:00:00+02:00", from: at("2025-05-17T08:00:00Z")},
		{why: "so long ago", since: "1h", until: "30m", from: at("2025-05-17T11:00:00.123Z"), to: at("2025-05-17T11:30:00.123Z")},
		{why: "both forms", since: "2025-05-17T10:00:00Z", until: "1h", from: at("2025-05-17T10:00:00Z"), to: at("2025-05-17T11:00:00.123Z")},
		{why: "days", since: "7d", from: at("2025-05-10T12:00:00.123Z")},
		{why: "nothing between", since: "1h", until: "1h", fault: "until must be later than since"},
		{why: "the wrong way round", since: "30m", until: "1h", fault: "until must be later than since"},
		{why: "no time", since: "yesterday", fault: "since must be a time"},
		{why: "a time ahead", until: "-1h", fault: "until must be a time"},
		{why: "no time ago", since: "0s", fault: "since must be a time"},
		{why: "too long ago", since: "2000000h", fault: "since must be a time"},
	} {
		p, err := ParsePeriod(c.since, c.until, now)
		if c.fault != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.fault) {
				t.Errorf("%s: %v, want %s", c.why, err, c.fault)
			}
			continue
		}
		var q webhook.DeliveryQuery
		p.Narrow(&q)
		if err != nil || !q.Since.Equal(c.from) || !q.Until.Equal(c.to) {
			t.Errorf("%s: %v, %s to %s", c.why, err, q.Since, q.Until)
		}
	}
}

// TestPeriodOfLaterPages: a relative period counts from the first page's time, and an
// absolute one puts no time into the cursor.
func TestPeriodOfLaterPages(t *testing.T) {
	c := newCursors(t)
	first := time.Date(2025, 5, 17, 12, 0, 0, 0, time.UTC)
	for since, want := range map[string]time.Time{"1h": first.Add(-time.Hour), "2025-05-01T00:00:00Z": time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)} {
		listing := func(now time.Time) (Listing, *Period) {
			p, err := ParsePeriod(since, "", now)
			if err != nil {
				t.Fatal(err)
			}
			return Listing{Kind: Deliveries, Of: p.Filters(), Period: &p}, &p
		}
		l, _ := listing(first)
		cursor := c.WriteID(l, webhook.ID{Seq: 5})
		later, p := listing(first.Add(10 * time.Minute))
		if id, err := c.ReadID(later, cursor); err != nil || id.Seq != 5 {
			t.Fatalf("since %s: %v, %v", since, id, err)
		}
		var q webhook.DeliveryQuery
		p.Narrow(&q)
		if !q.Since.Equal(want) {
			t.Errorf("since %s: the second page begins at %s, want %s", since, q.Since, want)
		}
	}
}

func ExampleCursors() {
	cursors, err := Open(&keyStore{})
	if err != nil {
		panic(err)
	}
	list := Listing{Kind: EventTypes, Of: []string{"client:acme"}}
	cursor := cursors.Write(list, []byte("user.created"))
	place, err := cursors.Read(list, cursor)
	fmt.Printf("%s %v\n", place, err)
	_, err = cursors.Read(Listing{Kind: EventTypes, Of: []string{"client:globex"}}, cursor)
	fmt.Println(err)
	// Output:
	// user.created <nil>
	// cursor is not a next_cursor of this list, with these filters, for this caller
}

// FuzzPeriod: a period that is accepted selects a span that is not empty, and its texts
// stand for it: the same texts are the same list.
func FuzzPeriod(f *testing.F) {
	for _, text := range []string{"", "1h", "7d", "0.5s", "2025-05-17T10:30:45Z", "2016-12-31T23:59:60Z", "876000h", "1e9h", "-1h", "2025-05-17T10:30:45.123456789+23:59"} {
		f.Add(text, "")
		f.Add("", text)
		f.Add("2000-01-01T00:00:00Z", text)
	}
	now := time.Date(2025, 5, 17, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, since, until string) {
		p, err := ParsePeriod(since, until, now)
		if err != nil {
			if f, ok := errors.AsType[*webhook.FieldError](err); !ok || f.Field != "since" && f.Field != "until" {
				t.Fatalf("%q, %q: %v", since, until, err)
			}
			return
		}
		var q webhook.DeliveryQuery
		p.Narrow(&q)
		if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
			t.Fatalf("%q, %q: from %v to %v", since, until, q.Since, q.Until)
		}
		if since == "" && !q.Since.IsZero() || until == "" && !q.Until.IsZero() {
			t.Fatalf("%q, %q: an open end is %v to %v", since, until, q.Since, q.Until)
		}
		later, err := ParsePeriod(since, until, now.Add(time.Hour))
		if err != nil {
			return // a time that lies between the two
		}
		if fmt.Sprint(p.Filters()) != fmt.Sprint(later.Filters()) {
			t.Fatalf("%q, %q: %q, and an hour later %q", since, until, p.Filters(), later.Filters())
		}
	})
}

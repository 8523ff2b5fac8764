package stats

import (
	"fmt"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

var noon = time.Date(2026, 5, 17, 12, 3, 4, 5e6, time.UTC)

// recorded returns an hour with some attempts, the last at the time at.
func recorded(at time.Time, codes ...int) *Hour {
	h := &Hour{receiverSince: 3}
	for i, code := range codes {
		a := webhook.Attempt{At: at.Add(-time.Duration(len(codes)-1-i) * 7 * time.Minute), StatusCode: code, Latency: time.Duration(i+1) * 70 * time.Millisecond}
		h.Record(&a, a.Outcome())
	}
	return h
}

// reported returns what a health report has of an hour.
func reported(h *Hour, now time.Time) webhook.Health {
	var out webhook.Health
	h.Fill(&out, now)
	return out
}

func everyone(webhook.EndpointNumber) bool { return true }

// TestBook: what was put in is there for the next process.
func TestBook(t *testing.T) {
	hours := map[webhook.EndpointNumber]*Hour{
		1: recorded(noon, 200), 2: recorded(noon.Add(-time.Minute), 500, 200, 503), 70_000: recorded(noon, 500, 410, 404, 200, 200, 200, 200),
		4: recorded(noon.Add(-61*time.Minute), 200), // too old
	}
	b, next := NewBook(), NewBook()
	for n, h := range hours {
		b.Put(n, h)
	}
	values, changed := b.Encode(noon, 100)
	if !changed || len(values) < 2 {
		t.Fatalf("%d values, %v", len(values), changed)
	}
	if again, changed := b.Encode(noon, 100); changed || again != nil {
		t.Error("what has not changed is written again")
	}
	visited := map[webhook.EndpointNumber]webhook.Tally{}
	for _, v := range values {
		if len(v) > 100 {
			t.Errorf("a value has %d bytes", len(v))
		}
		if err := next.Restore(v, everyone, func(n webhook.EndpointNumber, h *Hour) { visited[n] = h.Tally(noon) }); err != nil {
			t.Error(err)
		}
	}
	for n, h := range hours {
		if n == 4 {
			h = &Hour{}
		}
		got := next.Hour(n, noon)
		if got, want := fmt.Sprintf("%+v", reported(&got, noon)), fmt.Sprintf("%+v", reported(h, noon)); got != want && n != 4 {
			t.Errorf("%d: %s\nwant %s", n, got, want)
		}
		if visited[n] != h.Tally(noon) {
			t.Errorf("%d was restored with %v", n, visited[n])
		}
	}
	if got := next.Hour(2, noon); got.Receiver() != 3 {
		t.Error("the receiver is lost")
	}
	// What this process has counted itself stands.
	next.Put(1, recorded(noon, 500))
	for _, v := range values {
		_ = next.Restore(v, everyone, func(n webhook.EndpointNumber, _ *Hour) { t.Errorf("%d was replaced", n) })
	}
	if got := next.Hour(1, noon.Add(2*time.Hour)); got.Tally(noon) != (webhook.Tally{}) {
		t.Error("an old hour is shown")
	}
	// Another receiver: nothing is known of it.
	next.Put(1, &Hour{receiverSince: 9})
	if got := next.Hour(1, noon); got.Receiver() != 0 {
		t.Error("figures of another receiver are kept")
	}
}

// TestBookIsBounded: with too many endpoints those that failed stay.
func TestBookIsBounded(t *testing.T) {
	b := NewBook()
	good, bad := recorded(noon, 200), recorded(noon, 500)
	for n := range webhook.EndpointNumber(MaxKept) {
		b.Put(n, good)
	}
	b.Put(1<<20, good)
	b.Put(1<<21, bad)
	if got := b.Hour(1<<20, noon); len(b.hours) != MaxKept || got.Tally(noon) != (webhook.Tally{}) {
		t.Errorf("%d are kept", len(b.hours))
	}
	if got := b.Hour(1<<21, noon); got.Tally(noon).Failures != 1 {
		t.Error("one that failed found no room")
	}
	values, _ := b.Encode(noon, 256<<10)
	size := 0
	for _, v := range values {
		size += len(v)
	}
	if len(values) > 4 || size > MaxKept*48 {
		t.Errorf("%d values with %d bytes", len(values), size)
	}
	b = NewBook()
	for n := range webhook.EndpointNumber(MaxKept) {
		b.Put(n, bad)
	}
	if b.Put(1<<21, bad); len(b.hours) != MaxKept {
		t.Errorf("%d are kept", len(b.hours))
	}
}

// TestBookOfOthers: bytes that no book wrote, or only a part of it, are an error, and an
// endpoint that is not wanted is left out.
func TestBookOfOthers(t *testing.T) {
	b := NewBook()
	b.Put(5, recorded(noon, 500))
	values, _ := b.Encode(noon, 1000)
	for end := range values[0] {
		if err := NewBook().Restore(values[0][:end], everyone, func(webhook.EndpointNumber, *Hour) {}); (err == nil) != (end == 1) {
			t.Errorf("%d bytes: %v", end, err)
		}
	}
	for _, bad := range [][]byte{{0}, {3}, {1, 0x80}, {2, 0x80}, append([]byte{1, 1, 1, 1, 0, 0}, 0xff, 0xff, 0x7f)} {
		if err := NewBook().Restore(bad, everyone, func(webhook.EndpointNumber, *Hour) {}); err == nil {
			t.Errorf("%x was read", bad)
		}
	}
	none := func(webhook.EndpointNumber) bool { return false }
	other := NewBook()
	if err := other.Restore(values[0], none, func(webhook.EndpointNumber, *Hour) { t.Error("visited") }); err != nil || len(other.hours) != 0 {
		t.Error(err, len(other.hours))
	}
}

// TestBookOfVersion1: what a server wrote that kept no latencies is read, without them.
func TestBookOfVersion1(t *testing.T) {
	k := kept{receiverSince: 3, lastAttempt: noon.Truncate(time.Millisecond), lastSuccess: noon.Truncate(time.Millisecond)}
	value := append([]byte{1, 7}, k.append(nil)...)
	value = value[:len(value)-3*statsSlices]
	for range statsSlices {
		value = append(value, 4, 1) // successes and failures
	}
	b := NewBook()
	if err := b.Restore(value, everyone, func(webhook.EndpointNumber, *Hour) {}); err != nil {
		t.Fatal(err)
	}
	h := b.Hour(7, noon)
	if got := reported(&h, noon); got.Successes != 24 || got.Failures != 6 || got.P99 != 0 {
		t.Errorf("%+v", got)
	}
}

package limit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// to returns events, each for one endpoint.
func to(endpoints ...webhook.EndpointNumber) (events []webhook.Event) {
	for _, n := range endpoints {
		events = append(events, webhook.Event{Endpoints: []webhook.EndpointNumber{n}})
	}
	return events
}

var testWait = MaxWait{Each: time.Second, Total: 3 * time.Second}

// wait has a publisher of events wait, and returns a channel that gets how long it did.
func wait(b *Brakes, events []webhook.Event, stop <-chan struct{}) <-chan time.Duration {
	waited, began := make(chan time.Duration, 1), time.Now()
	go func() {
		b.Wait(events, testWait, stop)
		waited <- time.Since(began)
	}()
	synctest.Wait()
	return waited
}

func wantWaiting(t *testing.T, reason string, waited <-chan time.Duration, want bool) {
	t.Helper()
	synctest.Wait()
	if waiting := len(waited) == 0; waiting != want {
		t.Errorf("%s: waits %v", reason, waiting)
	}
}

// TestBrakesReleaseInOrder: publishers continue in the order in which they came, one for
// each delivery that was sent, and a batch takes as many.
func TestBrakesReleaseInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Brakes
		b.Set(1)
		b.Ease(1, 100) // nobody waits, so it is not saved up
		batch, second, third := wait(&b, to(1, 2, 1, 1), nil), wait(&b, to(1), nil), wait(&b, to(1), nil)
		other := wait(&b, to(2), nil)
		wantWaiting(t, "a publisher to another endpoint", other, false)
		wantWaiting(t, "the first", batch, true)
		b.Ease(1, 1)
		wantWaiting(t, "the first, with one delivery sent", batch, false)
		b.Ease(1, 2)
		wantWaiting(t, "the second, as the first one had three", second, true)
		b.Ease(1, 1)
		wantWaiting(t, "the second", second, false)
		wantWaiting(t, "the third", third, true)
		b.Release(1)
		wantWaiting(t, "the third, without a brake", third, false)
		wantWaiting(t, "one that comes afterwards", wait(&b, to(1), nil), false)
		b.Ease(1, 1)
		b.Release(1) // neither does harm
	})
}

// TestBrakesEnd: nobody waits for longer than the time of patience, nor while the server
// stops, and whoever gave up is in nobody's way.
func TestBrakesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Brakes
		b.Set(1)
		stop := make(chan struct{})
		first, second := wait(&b, to(1), nil), wait(&b, to(1), stop)
		close(stop)
		if took := <-second; took != 0 {
			t.Error("a stop came after", took)
		}
		if took := <-first; took != time.Second {
			t.Error("patience ended after", took)
		}
		third := wait(&b, to(1), nil)
		b.Ease(1, 1)
		wantWaiting(t, "one behind those who gave up", third, false)
		for took, batch := range map[time.Duration][]webhook.Event{
			time.Second:     to(2, 1, 2),
			2 * time.Second: to(1, 1, 2),
			3 * time.Second: to(1, 1, 1, 1, 1),
		} {
			if got := <-wait(&b, batch, nil); got != took {
				t.Errorf("%d events waited for %v, want %v", len(batch), got, took)
			}
		}
	})
}

// TestBrakesCostNothing: publishers pay nothing while no brake is set.
func TestBrakesCostNothing(t *testing.T) {
	var b Brakes
	events := to(1)
	if allocs := testing.AllocsPerRun(100, func() { b.Wait(events, testWait, nil) }); allocs > 0 {
		t.Error(allocs, "allocations")
	}
}

package limit

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// wantMemory checks what a budget and a client count.
func wantMemory(t *testing.T, b *Budget, c *Client, bytes, open int64) {
	t.Helper()
	if b.InUse() != bytes || b.Open() != open || c.payloads.Load() != bytes {
		t.Errorf("%d bytes in %d reservations, %d of the client; want %d in %d", b.InUse(), b.Open(), c.payloads.Load(), bytes, open)
	}
}

// wantPanic checks that a misuse is found.
func wantPanic(t *testing.T, what string, misuse func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("nobody notices that", what)
		}
	}()
	misuse()
}

// TestReservationIsClosedOnce: closing frees what the actor did not release, a second
// close is found, and a reservation that nobody closes shows as open.
func TestReservationIsClosedOnce(t *testing.T) {
	b, c := NewBudget(1<<20), new(Client)
	leaked, r := b.Reserve(c), b.Reserve(c)
	leaked.Take(100)
	r.Take(50)
	r.Release(20)
	wantMemory(t, b, c, 130, 2)
	r.Close()
	wantMemory(t, b, c, 100, 1) // the leak
	wantPanic(t, "a reservation is closed twice", r.Close)
	wantMemory(t, b, c, 100, 1)
	leaked.Close()
	wantMemory(t, b, c, 0, 0)
}

// TestReservationReleasesWhatItHolds: releasing a payload twice is found.
func TestReservationReleasesWhatItHolds(t *testing.T) {
	b, c := NewBudget(1<<20), new(Client)
	other, r := b.Reserve(c), b.Reserve(c)
	other.Take(100)
	r.Take(10)
	r.Release(10)
	wantPanic(t, "a payload is released twice", func() { r.Release(10) })
	wantMemory(t, b, c, 100, 2)
}

// TestClosedReservationKeepsNothing: whatever a read brings, and a lane releases, after
// the actor is gone changes no account.
func TestClosedReservationKeepsNothing(t *testing.T) {
	b, c := NewBudget(64<<20), new(Client)
	r := b.Reserve(c)
	r.Take(100)
	read := r.BeginRead(10)
	if read.Bytes == 0 || read.Deliveries != 10 {
		t.Fatalf("%+v", read)
	}
	r.Close()
	read.End(300)
	r.Release(100)
	r.Take(200)
	if !r.TryTake(300) {
		t.Error("the budget is not used up")
	}
	wantMemory(t, b, c, 0, 0)
}

// TestReadBudget: reads take less as memory gets short, and one delivery always.
func TestReadBudget(t *testing.T) {
	const size = 64 << 20
	b, c := NewBudget(size), new(Client)
	for _, row := range []struct {
		name              string
		held              int // by others
		deliveries, bytes int
	}{
		{"all is free", 0, 100, maxReadBytes},
		{"a 16th of what is free", size - 5<<20, 100, 5 << 20 / fairness},
		{"never less than the largest payload", size - 1<<20, 100, webhook.MaxPayload},
		{"too little for it", size - webhook.MaxPayload + 1, 1, 0},
		{"none is free", size, 1, 0},
	} {
		others := b.Reserve(new(Client))
		others.Take(row.held)
		r := b.Reserve(c)
		read := r.BeginRead(100)
		if read.Deliveries != row.deliveries || read.Bytes != row.bytes {
			t.Errorf("%s: up to %d deliveries and %d bytes, want %d and %d", row.name, read.Deliveries, read.Bytes, row.deliveries, row.bytes)
		}
		read.End(7)
		if held := r.Held(); held != 7 {
			t.Errorf("%s: the read brought 7 bytes, and %d are held", row.name, held)
		}
		r.Close()
		others.Close()
		wantMemory(t, b, c, 0, 0)
	}
}

// TestReservationsRace: many goroutines take, read and release under several
// reservations that close in the midst of it; in the end nothing is held.
func TestReservationsRace(t *testing.T) {
	b, c := NewBudget(10_000), new(Client)
	var wait sync.WaitGroup
	for i := range 8 {
		r := b.Reserve(c)
		for j := range 3 {
			wait.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), uint64(j)))
				for range 500 {
					n := random.IntN(100)
					if r.TryTake(n) {
						r.Release(n)
					}
					r.BeginRead(5).End(0)
				}
			})
		}
		wait.Go(r.Close)
	}
	wait.Wait()
	wantMemory(t, b, c, 0, 0)
}

// TestBudgetsEdge: the last byte is used, and not one more.
func TestBudgetsEdge(t *testing.T) {
	b := NewBudget(100)
	if !b.tryTake(100) || b.tryTake(1) || b.InUse() != 100 {
		t.Error(b.InUse(), "of 100 bytes are in use")
	}
	if b.give(1); !b.tryTake(1) || b.tryTake(1) {
		t.Error("a byte that was returned is not there, or twice")
	}
}

package app

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestLeaseBook compares the book with a plain map, over random changes, some of which
// come late.
func TestLeaseBook(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	type entry struct {
		revision uint64
		due      time.Time
	}
	start := time.Unix(1_750_000_000, 0)
	model, book := map[webhook.EndpointNumber]entry{}, newLeaseBook()
	for range 20_000 {
		n, revision := webhook.EndpointNumber(random.IntN(50)), uint64(random.IntN(100))
		known, there := model[n]
		switch random.IntN(4) {
		case 0:
			book.remove(n, revision)
			if there && revision >= known.revision {
				delete(model, n)
			}
		default:
			due := start.Add(time.Duration(random.IntN(1000)) * time.Second)
			book.put(n, revision, due)
			if !there || revision >= known.revision {
				model[n] = entry{revision, due}
			}
		}
		var next time.Time
		for _, e := range model {
			if next.IsZero() || e.due.Before(next) {
				next = e.due
			}
		}
		if got := book.next(); !got.Equal(next) {
			t.Fatalf("next is %v, want %v", got, next)
		}
		if n, found := book.due(next); found != (len(model) > 0) || found && !model[n].due.Equal(next) {
			t.Fatalf("due at %v: %d, %t", next, n, found)
		}
		if _, found := book.due(next.Add(-1)); found {
			t.Fatal("one is due before its time")
		}
		if len(book.byNumber) != len(model) || len(book.first) != len(model) {
			t.Fatalf("%d and %d leases, want %d", len(book.byNumber), len(book.first), len(model))
		}
	}
}

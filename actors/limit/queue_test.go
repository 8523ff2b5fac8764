package limit

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
)

// item is one of a ranking of numbers.
type item struct{ value, at int }

// TestRanking: whatever is pushed, moved and removed, the first item is the smallest, and
// each item knows its place.
func TestRanking(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := ranking[*item]{
		before: func(a, b *item) bool { return a.value < b.value },
		at:     func(i *item) *int { return &i.at },
	}
	var all []*item
	for range 5000 {
		switch pick := random.IntN(3); {
		case pick == 0 || len(all) == 0:
			i := &item{value: random.IntN(1000), at: nowhere}
			heap.Push(&r, i)
			all = append(all, i)
		case pick == 1:
			i := all[random.IntN(len(all))]
			i.value = random.IntN(1000)
			heap.Fix(&r, i.at)
		default:
			n := random.IntN(len(all))
			i := all[n]
			heap.Remove(&r, i.at)
			if all = slices.Delete(all, n, n+1); i.at != nowhere {
				t.Fatal("an item that was removed is at", i.at)
			}
		}
		if r.Len() != len(all) {
			t.Fatalf("%d items, want %d", r.Len(), len(all))
		}
		for n, i := range r.items {
			if i.at != n || i.value < r.items[0].value {
				t.Fatalf("item %d says that it is at %d; its value is %d, the first one's %d", n, i.at, i.value, r.items[0].value)
			}
		}
	}
}

// TestTurnsAreKept: an endpoint that changes its class while it waits keeps its turn, and
// one that gets a permit loses it.
func TestTurnsAreKept(t *testing.T) {
	p := permitsOf(1)
	held := p.fill(p.Join("holder", quiet), TierProven, 1)
	first, second := p.Join("a", quiet), p.Join("b", quiet)
	for _, h := range []*Holder{first, second} {
		if _, ok := p.Acquire(h, TierProven, p.began); ok {
			t.Fatal("a permit is free: the test shows nothing")
		}
	}
	if _, ok := p.Acquire(first, TierFirst, p.began); ok || first.turn != 1 || first.class != classFirst {
		t.Errorf("turn %d in class %d", first.turn, first.class)
	}
	if p.Waiters() != 2 {
		t.Errorf("%d wait, want 2: asking again counts once", p.Waiters())
	}
	p.Release(held[0], p.began)
	if !first.kept || second.kept {
		t.Error("the permit is not kept for the one that waits longest")
	}
	if first.turn != 0 {
		t.Error("an endpoint that got a permit keeps its turn")
	}
}

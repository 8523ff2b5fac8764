package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/dgraph-io/badger/v4/skl"
	"github.com/dgraph-io/badger/v4/y"
)

// TestSkipListHoldsWhatWasPut: whatever the order of the keys, the list holds each once, in
// order, with the value that was put last, and finds it.
func TestSkipListHoldsWhatWasPut(t *testing.T) {
	orders := map[string]func(r *rand.Rand, n int) int{
		"in order":   func(_ *rand.Rand, n int) int { return n },
		"downwards":  func(_ *rand.Rand, n int) int { return 1_000_000 - n },
		"nearly":     func(r *rand.Rand, n int) int { return max(0, n-r.IntN(20)) },
		"random":     func(r *rand.Rand, _ int) int { return r.IntN(3000) },
		"two places": func(r *rand.Rand, n int) int { return n + 500_000*r.IntN(2) },
	}
	for name, next := range orders {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(len(name))))
			list, want := skl.NewSkiplist(8<<20), map[string]string{}
			for n := range 20_000 {
				kind := 'a' + rune(r.IntN(3))
				key := y.KeyWithTs(fmt.Appendf(nil, "%c%08d", kind, next(r, n/3)), uint64(r.IntN(3)))
				want[string(key)] = fmt.Sprint(n)
				list.Put(key, y.ValueStruct{Value: fmt.Append(nil, n)})
			}
			holdsExactly(t, list, want)
		})
	}
}

// TestSkipListIsShared: the same, with several goroutines that put, two of them in order.
func TestSkipListIsShared(t *testing.T) {
	const writers, each = 4, 5000
	list := skl.NewSkiplist(8 << 20)
	wants := make([]map[string]string, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			r, want := rand.New(rand.NewPCG(2, uint64(w))), map[string]string{}
			for n := range each {
				if w%2 == 0 {
					n = r.IntN(each)
				}
				key := y.KeyWithTs(fmt.Appendf(nil, "k%08d", n*writers+w), 1)
				want[string(key)] = fmt.Sprint(n)
				list.Put(key, y.ValueStruct{Value: fmt.Append(nil, n)})
			}
			wants[w] = want
		})
	}
	group.Wait()
	all := map[string]string{}
	for _, want := range wants {
		for key, value := range want {
			all[key] = value
		}
	}
	holdsExactly(t, list, all)
}

// holdsExactly compares a list with what was put into it, from end to end and key by key.
func holdsExactly(t *testing.T, list *skl.Skiplist, want map[string]string) {
	t.Helper()
	var keys [][]byte
	it := list.NewIterator()
	defer func() { _ = it.Close() }()
	for it.SeekToFirst(); it.Valid(); it.Next() {
		keys = append(keys, bytes.Clone(it.Key()))
		if value, put := want[string(it.Key())]; !put || string(it.Value().Value) != value {
			t.Fatalf("key %q has %q, want %q", it.Key(), it.Value().Value, value)
		}
	}
	if len(keys) != len(want) || !slices.IsSortedFunc(keys, y.CompareKeys) {
		t.Fatalf("%d keys, want %d in order", len(keys), len(want))
	}
	for _, key := range keys {
		if got := list.Get(key); string(got.Value) != want[string(key)] {
			t.Fatalf("key %q: found %q, want %q", key, got.Value, want[string(key)])
		}
	}
}

// BenchmarkSkipListInOrder puts keys of four kinds, each in order.
func BenchmarkSkipListInOrder(b *testing.B) {
	const size = 64 << 20
	list, value := skl.NewSkiplist(size), make([]byte, 100)
	for n := 0; b.Loop(); n++ {
		if list.MemSize() > size*9/10 {
			b.StopTimer()
			list = skl.NewSkiplist(size)
			b.StartTimer()
		}
		list.Put(y.KeyWithTs(fmt.Appendf(nil, "%c%08d", 'a'+rune(n%4), n), 1), y.ValueStruct{Value: value})
	}
}

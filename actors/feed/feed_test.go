package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// attempt is the nth item of a test.
func attempt(n int) live.Item {
	return live.Item{Kind: live.Attempt, Attempt: n, Webhook: webhook.ID{Seq: 1, Endpoint: webhook.EndpointNumber(n%2 + 1)}}
}

// publish publishes the items from to to.
func publish(f *Feed, from, to int) {
	for n := from; n <= to; n++ {
		f.Publish(attempt(n))
	}
}

// got returns the numbers that a batch has, as attempts.
func got(b live.Batch) (list []int) {
	for _, i := range b.Items {
		list = append(list, i.Attempt)
	}
	return list
}

// next returns what waits for a reader.
func next(r *Reader) live.Batch { return r.Next(context.Background(), 0) }

func TestReadersGetWhatTheySelect(t *testing.T) {
	f := New()
	if f.Active() {
		t.Error("a feed that nobody reads is active")
	}
	f.Publish(attempt(100)) // nobody reads it
	all, two := f.Subscribe(live.Query{}), f.Subscribe(live.Query{Endpoint: 2})
	defer all.Close()
	defer two.Close()
	if b := next(all); len(b.Items) > 0 || b.Lost > 0 || b.At.Run == "" {
		t.Errorf("at first: %+v", b)
	}
	publish(f, 1, 5)
	if b := next(all); !slices.Equal(got(b), []int{1, 2, 3, 4, 5}) || b.Lost > 0 || b.At.Number != b.Items[4].Number {
		t.Errorf("all: %v %+v", got(b), b)
	}
	if b := next(two); !slices.Equal(got(b), []int{1, 3, 5}) {
		t.Errorf("one webhook: %v", got(b))
	}
	publish(f, 7, 7)
	if b := next(all); !slices.Equal(got(b), []int{7}) {
		t.Errorf("then: %v", got(b))
	}
}

// TestContinue: whoever comes back gets what it missed, or learns that it missed something.
func TestContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New()
		reader := f.Subscribe(live.Query{})
		publish(f, 1, 3)
		place := next(reader).At
		early := place
		early.Number -= 3
		publish(f, 4, 6)
		reader.Close()
		for _, c := range []struct {
			why   string
			after live.Place
			query live.Query
			want  []int
			lost  int
		}{
			{"the place where it was", place, live.Query{}, []int{4, 5, 6}, 0},
			{"with a filter", place, live.Query{Endpoint: 1}, []int{4, 6}, 0},
			{"before the first", early, live.Query{}, []int{1, 2, 3, 4, 5, 6}, 0},
			{"another run", live.Place{Run: "another", Number: 3}, live.Query{}, nil, 1},
			{"a number that there is not yet", live.Place{Run: place.Run, Number: 999}, live.Query{}, nil, 1},
			{"before there was anything", live.Place{Run: place.Run}, live.Query{}, []int{1, 2, 3, 4, 5, 6}, 1},
			{"no place", live.Place{}, live.Query{}, nil, 0},
		} {
			c.query.After = c.after
			r := f.Subscribe(c.query)
			if b := next(r); !slices.Equal(got(b), c.want) || b.Lost != c.lost || b.Exact != (c.lost == 0) {
				t.Errorf("%s: %v, lost %d, exact %t", c.why, got(b), b.Lost, b.Exact)
			}
			r.Close()
		}
		again := f.Subscribe(live.Query{})
		publish(f, 7, 6+Kept)
		again.Close()
		r := f.Subscribe(live.Query{After: place})
		if b := next(r); len(b.Items) != Kept || got(b)[0] != 7 || b.Lost != 3 {
			t.Errorf("too long ago: %d items, lost %d", len(b.Items), b.Lost)
		}
		r.Close()
	})
}

// TestLinger: for a while after the last reader everything is kept. Whoever comes later
// learns that something may be lost.
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New()
		r := f.Subscribe(live.Query{})
		publish(f, 1, 1)
		place := next(r).At
		r.Close()
		r.Close()
		time.Sleep(Lingers - time.Second)
		publish(f, 2, 2)
		r = f.Subscribe(live.Query{After: place})
		time.Sleep(2 * Lingers)
		if b := next(r); !slices.Equal(got(b), []int{2}) || b.Lost > 0 || !f.Active() {
			t.Errorf("in time: %v, lost %d", got(b), b.Lost)
		}
		place = next(r).At
		r.Close()
		time.Sleep(Lingers + time.Second)
		if f.Active() {
			t.Error("still active")
		}
		publish(f, 3, 3)
		r = f.Subscribe(live.Query{After: place})
		defer r.Close()
		if b := next(r); len(b.Items) > 0 || b.Lost != 1 || b.Exact {
			t.Errorf("too late: %v, lost %d, exact %t", got(b), b.Lost, b.Exact)
		}
	})
}

// TestSlowReader: a reader that does not read costs a bounded amount of memory, loses the
// oldest, and is told exactly how many. Others lose nothing.
func TestSlowReader(t *testing.T) {
	f := New()
	slow, quick := f.Subscribe(live.Query{}), f.Subscribe(live.Query{Endpoint: 2})
	defer slow.Close()
	defer quick.Close()
	const all = 10 * Waiting
	read := 0
	for n := 1; n <= all; n++ {
		publish(f, n, n)
		if n%100 == 0 {
			b := next(quick)
			if read += len(b.Items); b.Lost > 0 {
				t.Fatalf("the quick one has lost %d", b.Lost)
			}
		}
		if len(slow.waiting) > Waiting {
			t.Fatalf("%d wait for the slow one", len(slow.waiting))
		}
	}
	if read += len(next(quick).Items); read != all/2 {
		t.Errorf("the quick one got %d", read)
	}
	b := next(slow)
	if list := got(b); b.Lost+len(list) != all || !b.Exact || list[len(list)-1] != all || list[0] != b.Lost+1 {
		t.Errorf("%d items and %d lost, exact %t", len(list), b.Lost, b.Exact)
	}
	if b := next(slow); b.Lost > 0 || len(b.Items) > 0 || !b.Exact {
		t.Errorf("then: %+v", b)
	}
}

// TestNodes: what another node published reaches those who watch here, and is not handed to
// other nodes again. Nodes that read do not count as somebody who watches.
func TestNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New()
		node := f.Subscribe(live.Query{Local: true})
		defer node.Close()
		waits := make(chan error, 1)
		go func() { waits <- f.Await(t.Context()) }()
		synctest.Wait()
		if f.Listening() || len(waits) > 0 {
			t.Error("another node counts as somebody who watches")
		}
		r := f.Subscribe(live.Query{})
		if err := <-waits; err != nil || !f.Listening() {
			t.Error(err)
		}
		f.Import([]live.Item{attempt(1)}, 7)
		publish(f, 2, 2)
		if b := next(r); !slices.Equal(got(b), []int{1, 2}) || b.Lost != 7 || b.Exact {
			t.Errorf("here: %v, lost %d", got(b), b.Lost)
		}
		if b := next(node); !slices.Equal(got(b), []int{2}) || b.Lost > 0 {
			t.Errorf("the other node: %v, lost %d", got(b), b.Lost)
		}
		r.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.Await(ctx); !errors.Is(err, context.Canceled) || f.Listening() {
			t.Errorf("nobody watches any more: %v", err)
		}
	})
}

// TestNextWaits: for an item, for its time, or for the end of its context.
func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New()
		r := f.Subscribe(live.Query{})
		defer r.Close()
		began := time.Now()
		if b := r.Next(t.Context(), 15*time.Second); len(b.Items) > 0 || time.Since(began) != 15*time.Second {
			t.Errorf("%+v after %v", b, time.Since(began))
		}
		time.AfterFunc(time.Second, func() { publish(f, 1, 1) })
		began = time.Now()
		if b := r.Next(t.Context(), time.Hour); len(b.Items) != 1 || time.Since(began) != time.Second {
			t.Errorf("%+v after %v", b, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if b := r.Next(ctx, time.Hour); len(b.Items) > 0 || time.Since(began) != time.Second {
			t.Errorf("%+v after %v", b, time.Since(began))
		}
	})
}

// TestManyAtOnce: with publishers, readers and nodes at the same time every reader gets
// everything in order, or is told.
func TestManyAtOnce(t *testing.T) {
	f := New()
	const publishers, each = 4, 2000
	var readers, writers sync.WaitGroup
	ended := make(chan struct{})
	for i := range 4 {
		r := f.Subscribe(live.Query{Local: i == 0})
		readers.Go(func() {
			defer r.Close()
			seen, last := 0, uint64(0)
			for done := false; !done; {
				select {
				case <-ended:
					done = true
				default:
				}
				b := r.Next(context.Background(), time.Millisecond)
				seen += len(b.Items) + b.Lost
				for _, item := range b.Items {
					if item.Number <= last {
						t.Errorf("%d after %d", item.Number, last)
					}
					last = item.Number
				}
			}
			if seen != publishers*each {
				t.Errorf("reader %d: %d of %d", i, seen, publishers*each)
			}
		})
	}
	for range publishers {
		writers.Go(func() { publish(f, 1, each) })
	}
	writers.Wait()
	close(ended)
	readers.Wait()
}

// TestAllocQuiet: while nobody watches, a publisher pays for the read of a flag.
func TestAllocQuiet(t *testing.T) {
	f := New()
	allocations := testing.AllocsPerRun(1000, func() {
		if f.Active() {
			f.Publish(attempt(1))
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

// BenchmarkPublish is what an item costs its publisher: with nobody, with ten readers, and
// with one that has stopped reading.
func BenchmarkPublish(b *testing.B) {
	for _, readers := range []int{0, 1, 10} {
		b.Run(fmt.Sprint("stuck readers ", readers), func(b *testing.B) {
			f := New()
			for range readers {
				defer f.Subscribe(live.Query{}).Close()
			}
			item := attempt(1)
			b.ReportAllocs()
			for b.Loop() {
				if f.Active() {
					f.Publish(item)
				}
			}
		})
	}
}

package eventtypes

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// lockedStore is a fakeStore that many goroutines may use, as every store must be.
type lockedStore struct {
	mu sync.Mutex
	fakeStore
}

func (s *lockedStore) CreateEventType(ctx context.Context, t webhook.EventType) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fakeStore.CreateEventType(ctx, t)
}

func (s *lockedStore) DeleteEventType(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fakeStore.DeleteEventType(ctx, name)
}

// TestConcurrentChanges: changes that run at the same time lose nothing of one another, and
// a reader sees a type that is always there at any time.
func TestConcurrentChanges(t *testing.T) {
	const writers, each = 8, 50
	store := &lockedStore{}
	r := load(t, store, true, "always.there")
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := r.Name([]byte("always.there"), false); err != nil {
				t.Error(err)
				return
			}
			for i, types := 1, r.List(); i < len(types); i++ {
				if types[i-1].Name >= types[i].Name {
					t.Errorf("%s before %s", types[i-1].Name, types[i].Name)
					return
				}
			}
		}
	})
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				name := fmt.Sprintf("w%d.n%d", w, n)
				if err := r.Create(t.Context(), webhook.EventType{Name: name}); err != nil {
					t.Error(err)
				}
				if n%2 == 0 {
					if err := r.Remove(t.Context(), name); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	if got := len(r.List()); got != 1+writers*each/2 || got != len(store.types) {
		t.Errorf("%d types in the registry, %d in the store", got, len(store.types))
	}
	if again := names(load(t, store, true)); again != names(r) {
		t.Error("a registry that is loaded again has other types")
	}
}

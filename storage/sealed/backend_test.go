package sealed

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

var errBackend = errors.New("the backend fails")

// failing is a backend whose reads fail while err is set, and Reseal while resealErr is.
type failing struct {
	*memstore.Store
	err, resealErr error
	asked          []storage.Resealing // of Reseal
}

func (f *failing) KeyUses(ctx context.Context) ([]storage.KeyUse, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.Store.KeyUses(ctx)
}

func (f *failing) Endpoint(ctx context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	if f.err != nil {
		return webhook.Endpoint{}, f.err
	}
	return f.Store.Endpoint(ctx, n)
}

func (f *failing) ListEndpoints(ctx context.Context, client string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.Store.ListEndpoints(ctx, client, before, limit)
}

func (f *failing) Reseal(ctx context.Context, r storage.Resealing) (int, webhook.EndpointNumber, error) {
	f.asked = append(f.asked, r)
	if f.resealErr != nil {
		return 0, 0, f.resealErr
	}
	return f.Store.Reseal(ctx, r)
}

// TestTheBackendsErrors come back as they are, and nothing else with them.
func TestTheBackendsErrors(t *testing.T) {
	b := &failing{Store: backend(t)}
	s := open(t, b, "k")
	e := register(t, s, 1)[0]
	b.err = errBackend
	if _, err := New(b, ring(t, "", "k")); !errors.Is(err, errBackend) {
		t.Error("New:", err)
	}
	if got, err := s.Endpoint(t.Context(), e.Number()); !errors.Is(err, errBackend) || !reflect.DeepEqual(got, webhook.Endpoint{}) {
		t.Errorf("Endpoint: %+v, %v", got, err)
	}
	if got, err := s.ListEndpoints(t.Context(), "", 0, 5); !errors.Is(err, errBackend) || got != nil {
		t.Errorf("ListEndpoints: %+v, %v", got, err)
	}
	if got, err := s.SecretKeys(t.Context()); !errors.Is(err, errBackend) || got != nil {
		t.Errorf("SecretKeys: %+v, %v", got, err)
	}
	if got, err := s.Reencrypt(t.Context(), 5); !errors.Is(err, errBackend) || got != 0 {
		t.Errorf("Reencrypt: %d, %v", got, err)
	}
	b.err = nil
	if _, err := s.UpdateEndpoint(t.Context(), 99, func(*webhook.Endpoint) error { return nil }); !errors.Is(err, webhook.ErrNotFound) {
		t.Error("UpdateEndpoint:", err)
	}
}

// TestReencryptContinues: each call begins where the last one stopped, a failed one
// changes nothing of that, and after the last endpoint it begins again with the first.
func TestReencryptContinues(t *testing.T) {
	b := &failing{Store: backend(t)}
	register(t, open(t, b, "old"), 5)
	s := open(t, b, "young", "old")
	steps := []struct {
		fails error
		from  webhook.EndpointNumber
		done  int
	}{{nil, 0, 2}, {errBackend, 3, 0}, {nil, 3, 2}, {nil, 5, 1}}
	for i, step := range steps {
		b.resealErr = step.fails
		done, err := s.Reencrypt(t.Context(), 2)
		asked := b.asked[i]
		if !errors.Is(err, step.fails) || done != step.done || asked.From != step.from || asked.KeyID != "young" || asked.Limit != 2 {
			t.Errorf("step %d: %d, %v, asked %+v", i, done, err, asked)
		}
	}
	if done, err := s.Reencrypt(t.Context(), 2); err != nil || done != 0 || len(b.asked) != len(steps) {
		t.Errorf("with nothing left: %d, %v, asked %d times", done, err, len(b.asked))
	}
	if s.next != 0 {
		t.Errorf("the next round begins at %d", s.next)
	}
}

// TestConcurrentReencryption: calls from several places take turns, so that none skips
// endpoints that another one was to do.
func TestConcurrentReencryption(t *testing.T) {
	b := backend(t)
	const endpoints, callers = 40, 4
	register(t, open(t, b, "old"), endpoints)
	s := open(t, b, "young", "old")
	var all sync.WaitGroup
	total := make(chan int, callers)
	for range callers {
		all.Go(func() {
			sum := 0
			for range endpoints {
				done, err := s.Reencrypt(t.Context(), 3)
				if err != nil || done > 3 {
					t.Errorf("%d, %v", done, err)
				}
				sum += done
			}
			total <- sum
		})
	}
	all.Wait()
	close(total)
	sum := 0
	for n := range total {
		sum += n
	}
	if keys, err := s.SecretKeys(t.Context()); sum != endpoints || err != nil || keys[1].Endpoints != 0 {
		t.Errorf("%d of %d were encrypted again, %+v, %v", sum, endpoints, keys, err)
	}
}

// TestAnUpdateMovesToTheFirstKey: whoever changes an endpoint has encrypted it again,
// and one whose values are removed uses no key any more.
func TestAnUpdateMovesToTheFirstKey(t *testing.T) {
	b := backend(t)
	all := register(t, open(t, b, "old"), 3)
	s := open(t, b, "young", "old")
	for i, change := range []func(*webhook.Endpoint){
		func(e *webhook.Endpoint) { e.Description = "changed" },
		func(e *webhook.Endpoint) { e.Secrets, e.Headers = nil, nil },
	} {
		before, err := s.Endpoint(t.Context(), all[i].Number())
		if err != nil {
			t.Fatal(err)
		}
		after, err := s.UpdateEndpoint(t.Context(), all[i].Number(), func(e *webhook.Endpoint) error { change(e); return nil })
		if err != nil {
			t.Fatal(err)
		}
		change(&before)
		before.Revision++
		if !reflect.DeepEqual(after, before) {
			t.Errorf("%+v, want %+v", after, before)
		}
	}
	keys, err := s.SecretKeys(t.Context())
	want := []webhook.SecretKey{{ID: "young", Writes: true, Endpoints: 1}, {ID: "old", Endpoints: 1}}
	if err != nil || !slices.Equal(keys, want) {
		t.Errorf("%+v, %v; want %+v", keys, err, want)
	}
}

// TestValuesAreBoundToTheirEndpoint: a backend that mixes up two records cannot make one
// client's values appear at another's endpoint.
func TestValuesAreBoundToTheirEndpoint(t *testing.T) {
	b := backend(t)
	s := open(t, b, "k")
	all := register(t, s, 2)
	first, err := b.Endpoint(t.Context(), all[0].Number())
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.UpdateEndpoint(t.Context(), all[1].Number(), func(e *webhook.Endpoint) error {
		e.Sealed = first.Sealed
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Endpoint(t.Context(), all[1].Number()); err == nil || slices.ContainsFunc(got.Secrets, func(s signing.Secret) bool { return s.Value != "" }) {
		t.Errorf("%+v, %v", got, err)
	}
}

package sealed

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/storage/storagetest"
	"github.com/corpastro/astrohook/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConformance: a sealed store means the same as any other. Package badgerstore
// runs the suite with its own backend, which persists.
func TestConformance(t *testing.T) {
	storagetest.Run(t, storagetest.Backend{Open: func(c storagetest.Config) (storage.Store, error) {
		return New(memstore.Open(memstore.Options{Retention: c.Retention}), ring(t, "", "k"))
	}})
}

// open returns a sealed store over a backend.
func open(t *testing.T, b storage.Backend, ids ...string) *Store {
	t.Helper()
	s, err := New(b, ring(t, "", ids...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// backend returns an empty backend, which the test closes.
func backend(t *testing.T) *memstore.Store {
	b := memstore.Open(memstore.Options{})
	t.Cleanup(func() { b.Close() })
	return b
}

// register stores count endpoints with values.
func register(t *testing.T, s *Store, count int) (all []webhook.Endpoint) {
	t.Helper()
	for range count {
		e := endpoint()
		e.ID = webhook.ID{Seq: s.LastSeq() + 1}
		e, err := s.CreateEndpoint(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// TestTheBackendSeesNoValues: neither created nor changed ones.
func TestTheBackendSeesNoValues(t *testing.T) {
	b := backend(t)
	s := open(t, b, "k")
	e := register(t, s, 1)[0]
	e, err := s.UpdateEndpoint(t.Context(), e.Number(), func(e *webhook.Endpoint) error {
		e.Secrets[0].Value = "a changed secret"
		return nil
	})
	if err != nil || e.Secrets[0].Value != "a changed secret" || e.Revision != 2 || e.Sealed.KeyID != "" {
		t.Fatalf("%+v, %v", e, err)
	}
	stored, err := b.Endpoint(t.Context(), e.Number())
	if err != nil || stored.Sealed.KeyID != "k" {
		t.Fatalf("%+v, %v", stored, err)
	}
	for _, secret := range stored.Secrets {
		if secret.Value != "" {
			t.Errorf("the backend has the secret %q", secret.Value)
		}
	}
	for _, h := range stored.Headers {
		if h.Value != "" {
			t.Errorf("the backend has the header value %q", h.Value)
		}
	}
	err = s.EachEndpoint(t.Context(), func(e webhook.Endpoint) error {
		if e.Sealed.KeyID != "" || e.Secrets[0].Value != "" {
			t.Errorf("EachEndpoint shows %+v", e)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestAFailedChangeStoresNothing: its error comes back as it is.
func TestAFailedChangeStoresNothing(t *testing.T) {
	s := open(t, backend(t), "k")
	e := register(t, s, 1)[0]
	refused := errors.New("refused")
	got, err := s.UpdateEndpoint(t.Context(), e.Number(), func(e *webhook.Endpoint) error {
		e.Secrets[0].Value = "never"
		return refused
	})
	if !errors.Is(err, refused) || got.Secrets != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Endpoint(t.Context(), e.Number()); err != nil || got.Secrets[0].Value != e.Secrets[0].Value || got.Revision != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := s.CreateNumbered(t.Context(), e, func(*webhook.Endpoint) error { return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if all, err := s.ListEndpoints(t.Context(), "", 0, 10); err != nil || len(all) != 1 {
		t.Errorf("%d endpoints, %v", len(all), err)
	}
}

// TestNewRefuses: a store does not start without every key that it needs.
func TestNewRefuses(t *testing.T) {
	b := backend(t)
	register(t, open(t, b, "old"), 2)
	if _, err := New(b, nil); !errors.Is(err, errNoKeys) {
		t.Error("no ring:", err)
	}
	_, err := New(b, ring(t, "", "young"))
	if refused, ok := errors.AsType[*KeyError](err); !ok || refused.ID != "old" || refused.Endpoints != 2 {
		t.Error("a missing key:", err)
	}
	if _, err := New(b, ring(t, "salt", "old")); !errors.Is(err, keyring.ErrWrongKey) {
		t.Error("a wrong key:", err)
	}
}

// TestReencrypt moves endpoints from an old key in steps of two, beside a change.
func TestReencrypt(t *testing.T) {
	b := backend(t)
	all := register(t, open(t, b, "old"), 5)
	s := open(t, b, "young", "old")
	var changes sync.WaitGroup
	changes.Go(func() {
		_, err := s.UpdateEndpoint(t.Context(), all[3].Number(), func(e *webhook.Endpoint) error {
			e.Description = "changed"
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	total := 0
	for range 4 {
		done, err := s.Reencrypt(t.Context(), 2)
		if err != nil || done > 2 {
			t.Fatalf("%d, %v", done, err)
		}
		total += done
	}
	changes.Wait()
	if total < 4 {
		t.Errorf("%d were encrypted again, want 4 or 5", total)
	}
	keys, err := s.SecretKeys(t.Context())
	want := []webhook.SecretKey{{ID: "young", Writes: true, Endpoints: 5}, {ID: "old"}}
	if err != nil || !slices.Equal(keys, want) {
		t.Errorf("%+v, %v; want %+v", keys, err, want)
	}
	for i, e := range all {
		got, err := open(t, b, "young").Endpoint(t.Context(), e.Number()) // the old key is not needed any more
		revision := uint64(1)
		if i == 3 {
			revision = 2
		}
		if err != nil || got.Secrets[0].Value != e.Secrets[0].Value || got.Headers[0].Value != e.Headers[0].Value || got.Revision != revision {
			t.Errorf("endpoint %d: %+v, %v", i, got, err)
		}
	}
}

// TestReencryptFails: a damaged value stops the step, and nothing of it is stored.
func TestReencryptFails(t *testing.T) {
	b := backend(t)
	all := register(t, open(t, b, "old"), 2)
	_, err := b.UpdateEndpoint(t.Context(), all[1].Number(), func(e *webhook.Endpoint) error {
		e.Sealed.Text = e.Sealed.Text[:len(e.Sealed.Text)-1]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, b, "young", "old")
	if done, err := s.Reencrypt(t.Context(), 10); !errors.Is(err, keyring.ErrChanged) || done != 0 {
		t.Errorf("%d, %v", done, err)
	}
	if uses, err := b.KeyUses(t.Context()); err != nil || len(uses) != 1 || uses[0].KeyID != "old" {
		t.Errorf("the step was stored in part: %+v, %v", uses, err)
	}
	for _, e := range all {
		if _, err := s.Endpoint(t.Context(), e.Number()); e.Number() == all[1].Number() != errors.Is(err, keyring.ErrChanged) {
			t.Errorf("endpoint %d: %v", e.Number(), err)
		}
	}
	if _, err := s.ListEndpoints(t.Context(), "", 0, 10); !errors.Is(err, keyring.ErrChanged) {
		t.Error("a list with a damaged endpoint:", err)
	}
	_, err = s.UpdateEndpoint(t.Context(), all[1].Number(), func(*webhook.Endpoint) error { return nil })
	if !errors.Is(err, keyring.ErrChanged) {
		t.Error("a change of a damaged endpoint:", err)
	}
}

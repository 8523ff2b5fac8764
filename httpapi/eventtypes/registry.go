// Package eventtypes is the registry of event types: which types may be published, and
// which may be named by an endpoint's patterns.
//
// The registry is a copy of the store's in memory, because every published event is
// checked against it. Changes go through this package; those that another process makes in
// the same store are read by Refresh.
//
// Here belong the registry and what it says about a name. The form of names and patterns
// belongs to package webhook, the calls that list and change the registry to httpapi.
package eventtypes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// MaxTypes bounds the registry. Each change copies it, and the error of an unknown type
// compares the name with all of them.
const MaxTypes = 10_000

// ErrFull reports that the registry holds MaxTypes event types.
var ErrFull = errors.New("the registry is full: it holds 10000 event types")

// Store keeps the registry.
type Store interface {
	EventTypes(ctx context.Context) ([]webhook.EventType, error)
	CreateEventType(ctx context.Context, t webhook.EventType) error
	UpdateEventType(ctx context.Context, t webhook.EventType) error
	DeleteEventType(ctx context.Context, name string) error
}

// Registry has the registered event types. Readers take no lock: they see one whole state,
// which is never written to.
type Registry struct {
	store  Store
	strict atomic.Bool
	mu     sync.Mutex // held by changes, over the store's write and the new state
	state  atomic.Pointer[state]
}

// state is the registry at one time.
type state struct {
	byName map[string]webhook.EventType
	sorted []webhook.EventType // by name
}

// Load reads the registry from the store. It stores the initial types first if the store
// has none. strict says that types outside of the registry are refused.
func Load(store Store, strict bool, initial []webhook.EventType) (*Registry, error) {
	list, err := store.EventTypes(context.Background())
	if err != nil {
		return nil, fmt.Errorf("read the event types: %w", err)
	}
	if len(list) == 0 {
		if list, err = storeInitial(store, initial); err != nil {
			return nil, err
		}
	}
	r := &Registry{store: store}
	r.SetStrict(strict)
	r.replace(list)
	return r, nil
}

// storeInitial stores the initial types, and returns what the store has then: another
// process may do the same at the same time.
func storeInitial(store Store, initial []webhook.EventType) ([]webhook.EventType, error) {
	for _, t := range initial {
		if err := store.CreateEventType(context.Background(), t); err != nil && !errors.Is(err, webhook.ErrExists) {
			return nil, fmt.Errorf("store the default event type %s: %w", t.Name, err)
		}
	}
	list, err := store.EventTypes(context.Background())
	if err != nil {
		return nil, fmt.Errorf("read the event types: %w", err)
	}
	return list, nil
}

// Refresh reads the registry again, because another process has changed it.
func (r *Registry) Refresh(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, err := r.store.EventTypes(ctx)
	if err != nil {
		return fmt.Errorf("read the event types: %w", err)
	}
	r.replace(list)
	return nil
}

// SetStrict says whether types outside of the registry are refused.
func (r *Registry) SetStrict(strict bool) { r.strict.Store(strict) }

// replace makes the list the registry's state.
func (r *Registry) replace(list []webhook.EventType) {
	s := &state{byName: make(map[string]webhook.EventType, len(list)), sorted: slices.Clone(list)}
	slices.SortFunc(s.sorted, func(a, b webhook.EventType) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range list {
		s.byName[t.Name] = t
	}
	r.state.Store(s)
}

// Name returns the name of an event type that may be published, as a string of the
// registry: a known name allocates nothing, and keeps no byte of text. The error is that of
// the field event_type, or an *UnknownError, with similar names if suggest.
func (r *Registry) Name(text []byte, suggest bool) (string, error) {
	s := r.state.Load()
	if t, ok := s.byName[string(text)]; ok {
		return t.Name, nil
	}
	name := string(text)
	if err := webhook.ValidateEventType(name); err != nil {
		return "", jsonbody.InField(err, "event_type")
	}
	if !r.strict.Load() {
		return name, nil
	}
	return "", s.unknown("event_type", name, suggest)
}

// CheckPattern refuses what is no pattern, and a pattern that names one unknown type. A
// pattern with a * may match no type at all: the types that it is for may come later.
func (r *Registry) CheckPattern(field, pattern string) error {
	if err := webhook.ValidatePattern(pattern); err != nil {
		return jsonbody.InField(err, field)
	}
	s := r.state.Load()
	if _, known := s.byName[pattern]; known || !r.strict.Load() || strings.HasSuffix(pattern, "*") {
		return nil
	}
	return s.unknown(field, pattern, true)
}

// Get returns one type, or webhook.ErrNotFound.
func (r *Registry) Get(name string) (webhook.EventType, error) {
	t, ok := r.state.Load().byName[name]
	if !ok {
		return t, fmt.Errorf("event type %q: %w", name, webhook.ErrNotFound)
	}
	return t, nil
}

// List returns all types by name. The caller must not change the slice.
func (r *Registry) List() []webhook.EventType { return r.state.Load().sorted }

// Create adds a type. It returns webhook.ErrExists if the name is taken, and ErrFull.
func (r *Registry) Create(ctx context.Context, t webhook.EventType) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.List()
	if len(list) >= MaxTypes {
		return ErrFull
	}
	if err := r.store.CreateEventType(ctx, t); err != nil {
		return fmt.Errorf("create event type %s: %w", t.Name, err)
	}
	r.replace(append(slices.Clone(list), t))
	return nil
}

// Update replaces the type of that name, or returns webhook.ErrNotFound.
func (r *Registry) Update(ctx context.Context, t webhook.EventType) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.store.UpdateEventType(ctx, t); err != nil {
		return fmt.Errorf("update event type %s: %w", t.Name, err)
	}
	list := slices.Clone(r.List())
	for i := range list {
		if list[i].Name == t.Name {
			list[i] = t
		}
	}
	r.replace(list)
	return nil
}

// Remove removes a type, or returns webhook.ErrNotFound. Endpoints that name it keep it.
func (r *Registry) Remove(ctx context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.store.DeleteEventType(ctx, name); err != nil {
		return fmt.Errorf("delete event type %s: %w", name, err)
	}
	r.replace(slices.DeleteFunc(slices.Clone(r.List()), func(t webhook.EventType) bool { return t.Name == name }))
	return nil
}

package httpapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/agext/levenshtein"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of the registry.
const (
	maxEventTypes      = 10_000
	maxTypeDescription = 1000 // characters
	maxSuggestions     = 3
)

// registry is the store's registry of event types in memory, since every event
// is checked against it. Readers see one whole state; changes go through here only.
type registry struct {
	store EventTypeStore
	check atomic.Bool // refuse what it does not have
	mu    sync.Mutex  // held by changes
	state atomic.Pointer[types]
}

// types is a state of the registry; it is never written to.
type types struct {
	byName map[string]webhook.EventType
	sorted []webhook.EventType
}

// loadRegistry reads the registry. It stores the initial types in one without any.
func loadRegistry(store EventTypeStore, check bool, initial []webhook.EventType) (*registry, error) {
	list, err := store.EventTypes()
	if err != nil {
		return nil, fmt.Errorf("read the event types: %w", err)
	}
	if len(list) == 0 {
		list = initial
		for _, t := range list {
			if err := store.CreateEventType(context.Background(), t); err != nil {
				return nil, fmt.Errorf("store the default event type %s: %w", t.Name, err)
			}
		}
	}
	r := &registry{store: store}
	r.check.Store(check)
	r.replace(list)
	return r, nil
}

func (r *registry) replace(list []webhook.EventType) {
	s := &types{byName: make(map[string]webhook.EventType, len(list)), sorted: slices.Clone(list)}
	slices.SortFunc(s.sorted, func(a, b webhook.EventType) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range list {
		s.byName[t.Name] = t
	}
	r.state.Store(s)
}

// name gives the name of an event type that may be published, in memory of its
// own. The error says what is wrong with it, and what may have been meant if suggest.
func (r *registry) name(text []byte, suggest bool) (string, error) {
	state := r.state.Load()
	if t, ok := state.byName[string(text)]; ok {
		return t.Name, nil
	}
	name := string(text)
	if err := webhook.ValidateEventType(name); err != nil {
		return "", jsonbody.InField(err, "event_type")
	}
	if !r.check.Load() {
		return name, nil
	}
	return "", state.unknown("event_type", name, suggest)
}

// CheckPattern refuses what is no pattern, and what names one unknown type.
func (r *registry) CheckPattern(field, pattern string) error {
	if err := webhook.ValidatePattern(pattern); err != nil {
		return jsonbody.InField(err, field)
	}
	state := r.state.Load()
	if _, known := state.byName[pattern]; known || !r.check.Load() || strings.HasSuffix(pattern, "*") {
		return nil
	}
	return state.unknown(field, pattern, true)
}

// unknown is the error of a type that the registry does not have.
func (s *types) unknown(field, name string, suggest bool) error {
	p := newProblem(codeUnknownType, fmt.Sprintf("%s %q is not in the registry of event types: register it with POST /api/event-types {\"name\":%q} "+
		"(scope %s), or let all types through with the setting check-event-types=false", field, name, name, auth.ScopeAdmin))
	p.Field = field
	if suggest {
		p.Suggestions = s.nearest(name)
	}
	return p
}

// nearest gives the names that are spelt most like name, nearest first: up to
// maxSuggestions, none of which differs in more than a third of its characters.
func (s *types) nearest(name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	bound := max(2, len(name)/3)
	var found []candidate
	for _, t := range s.sorted {
		if d := len(t.Name) - len(name); d > bound || -d > bound {
			continue
		}
		if d := levenshtein.Distance(name, t.Name, nil); d <= bound {
			found = append(found, candidate{t.Name, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, c := range found[:min(len(found), maxSuggestions)] {
		names = append(names, c.name)
	}
	return names
}

// get gives one type. ErrNotFound.
func (r *registry) get(name string) (webhook.EventType, error) {
	t, ok := r.state.Load().byName[name]
	if !ok {
		return t, fmt.Errorf("event type %q: %w", name, webhook.ErrNotFound)
	}
	return t, nil
}

// list gives all types, by name.
func (r *registry) list() []webhook.EventType { return r.state.Load().sorted }

// create adds a type. ErrExists if the name is taken.
func (r *registry) create(ctx context.Context, t webhook.EventType) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list()
	if len(list) >= maxEventTypes {
		return conflict(fmt.Sprintf("the registry is full: it holds %d event types", maxEventTypes))
	}
	if err := r.store.CreateEventType(ctx, t); err != nil {
		return fmt.Errorf("create event type %s: %w", t.Name, err)
	}
	r.replace(append(slices.Clone(list), t))
	return nil
}

// update changes a type. ErrNotFound.
func (r *registry) update(ctx context.Context, t webhook.EventType) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.store.UpdateEventType(ctx, t); err != nil {
		return fmt.Errorf("update event type %s: %w", t.Name, err)
	}
	list := slices.Clone(r.list())
	for i := range list {
		if list[i].Name == t.Name {
			list[i] = t
		}
	}
	r.replace(list)
	return nil
}

// remove takes a type out. ErrNotFound.
func (r *registry) remove(ctx context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.store.DeleteEventType(ctx, name); err != nil {
		return fmt.Errorf("delete event type %s: %w", name, err)
	}
	r.replace(slices.DeleteFunc(slices.Clone(r.list()), func(t webhook.EventType) bool { return t.Name == name }))
	return nil
}

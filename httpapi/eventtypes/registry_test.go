package eventtypes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// fakeStore keeps event types in a slice. It fails on command.
type fakeStore struct {
	types []webhook.EventType
	err   error
}

func (s *fakeStore) find(name string) int {
	return slices.IndexFunc(s.types, func(t webhook.EventType) bool { return t.Name == name })
}

func (s *fakeStore) EventTypes(_ context.Context) ([]webhook.EventType, error) {
	return slices.Clone(s.types), s.err
}

func (s *fakeStore) CreateEventType(_ context.Context, t webhook.EventType) error {
	switch {
	case s.err != nil:
		return s.err
	case s.find(t.Name) >= 0:
		return webhook.ErrExists
	}
	s.types = append(s.types, t)
	return nil
}

func (s *fakeStore) UpdateEventType(_ context.Context, t webhook.EventType) error {
	i := s.find(t.Name)
	switch {
	case s.err != nil:
		return s.err
	case i < 0:
		return webhook.ErrNotFound
	}
	s.types[i] = t
	return nil
}

func (s *fakeStore) DeleteEventType(_ context.Context, name string) error {
	i := s.find(name)
	switch {
	case s.err != nil:
		return s.err
	case i < 0:
		return webhook.ErrNotFound
	}
	s.types = slices.Delete(s.types, i, i+1)
	return nil
}

// typesOf returns event types of these names.
func typesOf(names ...string) (types []webhook.EventType) {
	for _, name := range names {
		types = append(types, webhook.EventType{Name: name})
	}
	return types
}

// names returns the names that a registry has, in its order.
func names(r *Registry) string {
	var list []string
	for _, t := range r.List() {
		list = append(list, t.Name)
	}
	return strings.Join(list, " ")
}

func load(t testing.TB, store Store, strict bool, initial ...string) *Registry {
	t.Helper()
	r, err := Load(store, strict, typesOf(initial...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLoad fills an empty registry, and leaves any other as it is: the operator may have
// removed a default.
func TestLoad(t *testing.T) {
	store := &fakeStore{}
	r := load(t, store, true, "user.updated", "user.created")
	if got := names(r); got != "user.created user.updated" || len(store.types) != 2 {
		t.Fatalf("%s, stored are %v", got, store.types)
	}
	if err := r.Remove(t.Context(), "user.updated"); err != nil {
		t.Fatal(err)
	}
	if got := names(load(t, store, true, "user.updated", "user.created")); got != "user.created" {
		t.Errorf("after a restart: %s", got)
	}
	failure := errors.New("disk")
	if _, err := Load(&fakeStore{err: failure}, true, nil); !errors.Is(err, failure) {
		t.Errorf("a store that fails: %v", err)
	}
}

// TestChanges: a change is in force when the call returns, and none is when the store
// refuses it.
func TestChanges(t *testing.T) {
	store := &fakeStore{}
	r := load(t, store, true, "b")
	ctx := t.Context()
	disk := errors.New("disk")
	for _, c := range []struct {
		why    string
		change func() error
		err    error
		names  string
	}{
		{"create", func() error { return r.Create(ctx, webhook.EventType{Name: "a"}) }, nil, "a b"},
		{"create again", func() error { return r.Create(ctx, webhook.EventType{Name: "a"}) }, webhook.ErrExists, "a b"},
		{"update", func() error { return r.Update(ctx, webhook.EventType{Name: "a", Description: "A."}) }, nil, "a b"},
		{"update what is not there", func() error { return r.Update(ctx, webhook.EventType{Name: "c"}) }, webhook.ErrNotFound, "a b"},
		{"remove", func() error { return r.Remove(ctx, "b") }, nil, "a"},
		{"remove again", func() error { return r.Remove(ctx, "b") }, webhook.ErrNotFound, "a"},
		{"a disk that fails", func() error { store.err = disk; return r.Create(ctx, webhook.EventType{Name: "d"}) }, disk, "a"},
		{"a disk that fails an update", func() error { return r.Update(ctx, webhook.EventType{Name: "a"}) }, disk, "a"},
		{"a disk that fails a removal", func() error { return r.Remove(ctx, "a") }, disk, "a"},
	} {
		if err := c.change(); !errors.Is(err, c.err) || names(r) != c.names {
			t.Errorf("%s: %v, want %v; the registry has %s, want %s", c.why, err, c.err, names(r), c.names)
		}
	}
	if got, err := r.Get("a"); err != nil || got.Description != "A." {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Get("b"); !errors.Is(err, webhook.ErrNotFound) {
		t.Error(err)
	}
}

// TestRefresh: another process has changed the types. They are read again, and stay as they
// were if they cannot be read.
func TestRefresh(t *testing.T) {
	store := &fakeStore{}
	r, other := load(t, store, true, "a", "b"), load(t, store, true)
	if err := errors.Join(other.Create(t.Context(), webhook.EventType{Name: "c"}), other.Remove(t.Context(), "a")); err != nil {
		t.Fatal(err)
	}
	store.err = webhook.ErrUnavailable
	if err := r.Refresh(t.Context()); !errors.Is(err, webhook.ErrUnavailable) || names(r) != "a b" {
		t.Errorf("without storage: %v, %s", err, names(r))
	}
	store.err = nil
	if err := r.Refresh(t.Context()); err != nil || names(r) != "b c" {
		t.Errorf("%v, %s", err, names(r))
	}
	if _, err := r.Name([]byte("a"), false); err == nil {
		t.Error("a removed type is accepted")
	}
}

// twice is a store in which another process stores the initial types at the same time.
type twice struct{ fakeStore }

func (s *twice) CreateEventType(ctx context.Context, t webhook.EventType) error {
	if s.find("other") < 0 {
		s.types = append(typesOf("other"), t)
	}
	return s.fakeStore.CreateEventType(ctx, t)
}

// TestLoadBesideAnother: two processes start on an empty store.
func TestLoadBesideAnother(t *testing.T) {
	if r := load(t, &twice{}, true, "a", "b"); names(r) != "a b other" {
		t.Error(names(r))
	}
}

// TestReadersKeepTheirState: a list that was returned does not change under its reader.
func TestReadersKeepTheirState(t *testing.T) {
	r := load(t, &fakeStore{}, true, "a", "b")
	before := r.List()
	if err := r.Update(t.Context(), webhook.EventType{Name: "a", Description: "new"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if len(before) != 2 || before[0].Description != "" {
		t.Errorf("%v", before)
	}
}

func TestFull(t *testing.T) {
	store := &fakeStore{}
	for n := range MaxTypes {
		store.types = append(store.types, webhook.EventType{Name: fmt.Sprintf("t.n%d", n)})
	}
	r := load(t, store, true)
	if err := r.Create(t.Context(), webhook.EventType{Name: "one.more"}); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	if !strings.Contains(ErrFull.Error(), fmt.Sprint(MaxTypes)) {
		t.Errorf("%v does not say how many", ErrFull)
	}
}

// TestName: a published type is registered, or well-formed where the operator lets all
// types through.
func TestName(t *testing.T) {
	r := load(t, &fakeStore{}, true, "user.created")
	for _, c := range []struct {
		strict bool
		name   string
		says   string
	}{
		{true, "user.created", ""},
		{false, "user.created", ""},
		{true, "user.deleted", "event_type \"user.deleted\" is not in the registry of event types"},
		{false, "user.deleted", ""},
		{true, "user deleted", "event_type "},
		{false, "user deleted", "event_type "},
		{true, "", "event_type "},
		{false, "user.*", "event_type "},
	} {
		r.SetStrict(c.strict)
		got, err := r.Name([]byte(c.name), true)
		if c.says == "" && (err != nil || got != c.name) || c.says != "" && (err == nil || !strings.HasPrefix(err.Error(), c.says)) {
			t.Errorf("%q, strict %t: %q, %v", c.name, c.strict, got, err)
		}
	}
}

// TestNameAllocates: a known name costs nothing, since every event has one.
func TestNameAllocates(t *testing.T) {
	r := load(t, &fakeStore{}, true, "user.created")
	text := []byte("user.created")
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := r.Name(text, true); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 0 {
		t.Errorf("%.0f allocations", allocations)
	}
}

func TestCheckPattern(t *testing.T) {
	r := load(t, &fakeStore{}, true, "user.created")
	for pattern, ok := range map[string]bool{
		"user.created": true, "user.*": true, "*": true, "report.*": true,
		"user.deleted": false, "user*": false, "": false, "user.**": false,
	} {
		if err := r.CheckPattern("event_types[2]", pattern); (err == nil) != ok || err != nil && !strings.HasPrefix(err.Error(), "event_types[2] ") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	r.SetStrict(false)
	if err := r.CheckPattern("event_type", "user.deleted"); err != nil {
		t.Error(err)
	}
}

// TestSuggestions: the names that may have been meant, the most similar first.
func TestSuggestions(t *testing.T) {
	r := load(t, &fakeStore{}, true, "user.created", "user.updated", "user.create", "report.generated", "use.created", "ab")
	for _, c := range []struct {
		name    string
		suggest bool
		want    string
	}{
		{"user.craeted", true, "[user.created use.created user.create]"},
		{"user.updatd", true, "[user.updated]"},
		{"user.craeted", false, "[]"},
		{"invoice.paid", true, "[]"},
		{"ba", true, "[ab]"},
		{strings.Repeat("x", 100), true, "[]"},
	} {
		_, err := r.Name([]byte(c.name), c.suggest)
		unknown, ok := errors.AsType[*UnknownError](err)
		if !ok || fmt.Sprint(unknown.Suggestions) != c.want || unknown.Field != "event_type" || unknown.Name != c.name {
			t.Errorf("%q: %+v, want %s", c.name, unknown, c.want)
		}
	}
}

func ExampleRegistry_Name() {
	r, err := Load(&fakeStore{}, true, typesOf("user.created", "user.updated"))
	if err != nil {
		panic(err)
	}
	_, err = r.Name([]byte("user.craeted"), true)
	var unknown *UnknownError
	fmt.Println(errors.As(err, &unknown), unknown.Suggestions[0])
	// Output: true user.created
}

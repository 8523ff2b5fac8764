package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
)

func openTest(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// settle records an outcome, and waits until it is stored.
func settle(t *testing.T, s *Store, outcome webhook.Settlement) {
	t.Helper()
	done := make(chan error, 1)
	s.Settle(outcome, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// testKeys is a ring of keys that are made of their ids.
func testKeys(ids ...string) *keyring.Keyring {
	var keys []keyring.Key
	for _, id := range ids {
		key, err := keyring.Generate(id, strings.NewReader(strings.Repeat(id, keyring.KeySize)))
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	ring, err := keyring.New(keys...)
	if err != nil {
		panic(err)
	}
	return ring
}

func TestOpenRefusesASecondProcess(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir)
	_, err := Open(Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatal(err)
	}
}

func TestOpenMakesAPrivateDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	openTest(t, dir)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatal(info.Mode(), err)
	}
}

func TestOpenRefusesWrongOptions(t *testing.T) {
	for field, o := range map[string]Options{"Dir": {}, "Retention": {Dir: "x", Retention: 1}} {
		_, err := Open(o)
		var wrong *webhook.FieldError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// overwrite writes a key behind the store's back.
func overwrite(t *testing.T, dir string, key, value []byte) {
	t.Helper()
	db, err := badger.Open(badger.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *badger.Txn) error { return tx.Set(key, value) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesNewerData(t *testing.T) {
	dir := t.TempDir()
	if err := openTest(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, dir, layout.MetaVersion, layout.EncodeNumber(schemaVersion+1))
	_, err := Open(Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "schema version 4, this program knows up to 3") {
		t.Fatal(err)
	}
}

// TestOpenRefusesUnsealedData: records of version 1 would be taken for damaged.
func TestOpenRefusesUnsealedData(t *testing.T) {
	dir := t.TempDir()
	if err := openTest(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, dir, layout.MetaVersion, layout.EncodeNumber(1))
	_, err := Open(Options{Dir: dir})
	if !errors.Is(err, errUnsealed) {
		t.Fatal(err)
	}
}

func TestOpenRefusesForeignData(t *testing.T) {
	dir := t.TempDir()
	overwrite(t, dir, []byte("other"), []byte("data"))
	_, err := Open(Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "of another program") {
		t.Fatal(err)
	}
}

// acceptMany queues events for some endpoints each and waits.
func acceptMany(t testing.TB, s *Store, count int, to ...webhook.EndpointNumber) []webhook.ID {
	t.Helper()
	ids, done := make([]webhook.ID, count), make(chan error, count)
	for i := range ids {
		ids[i] = webhook.ID{Seq: s.LastSeq() + uint64(i) + 1<<40, Nonce: 1}
		e := webhook.Event{ID: ids[i], Type: "user.created", Data: []byte("{}"), Endpoints: to}
		s.Accept([]webhook.Event{e}, 0, func(_ []webhook.Receipt, err error) { done <- err })
	}
	for range ids {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

func TestPendingCountRunsInTheBackground(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	ids := acceptMany(t, s, 2*countChunk, 1, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, dir)
	if got := s.Pending(); got != 4*countChunk {
		t.Fatalf("after Open Pending is %d, want %d", got, 4*countChunk)
	}
	settle(t, s, delivered(ids[0].For(1))) // while the count runs
	acceptMany(t, s, 10, 2)
	<-s.counted
	if got, want := s.Pending(), int64(4*countChunk-1+10); got != want {
		t.Fatalf("Pending is %d, want %d", got, want)
	}
	if b, err := s.Backlog(t.Context(), 1); err != nil || b.Queued != 2*countChunk-1 {
		t.Fatal(b, err)
	}
}

func TestCloseEndsThePendingCount(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	acceptMany(t, s, 3*countChunk, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.counted:
	default:
		t.Fatal("the count continues although the files are closed")
	}
}

// TestFailedCommitBreaksTheStore closes Badger under the committer.
func TestFailedCommitBreaksTheStore(t *testing.T) {
	s := openTest(t, t.TempDir())
	if err := s.db.Close(nil, func() {}); err != nil {
		t.Fatal(err)
	}
	event := someEvent()
	event.IdempotencyKey = "" // with one, it would be refused for the read that fails before
	done := make(chan error, 2)
	s.Accept([]webhook.Event{event}, 0, func(_ []webhook.Receipt, err error) { done <- err })
	s.SaveGate(1, webhook.GateState{}, func(err error) { done <- err })
	for range 2 {
		if err := <-done; !errors.Is(err, webhook.ErrBroken) || !errors.Is(err, badger.ErrBlockedWrites) {
			t.Fatal(err)
		}
	}
	<-s.Broken()
	if err := s.CreateEventType(t.Context(), webhook.EventType{}); !errors.Is(err, webhook.ErrBroken) {
		t.Fatal(err)
	}
	if !errors.Is(s.Err(), webhook.ErrBroken) || s.Pending() != 0 {
		t.Fatal(s.Err(), s.Pending())
	}
}

var someID = webhook.ID{Seq: 1<<62 + 12345, Endpoint: 77, Nonce: 0xdeadbeef}

func someEvent() webhook.Event {
	return webhook.Event{
		ID: someID.Event(), Type: "user.created", ClientID: "client", Data: []byte(`{"a":1}`), Publisher: "backend",
		IdempotencyKey: "key", Endpoints: []webhook.EndpointNumber{1, 2, 300, 1<<32 - 1},
	}
}

package badgerstore

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

const (
	someSecret = "a secret that is nowhere to be found"
	someValue  = "Bearer that is nowhere to be found"
)

// sealedStore is a store with keys in front, and the store on disk behind.
type sealedStore struct {
	*sealed.Store
	disk *Store
}

// openWith opens a directory with keys, the first of which encrypts.
func openWith(t testing.TB, dir string, ids ...string) sealedStore {
	t.Helper()
	s, err := openSealed(Options{Dir: dir, NoSync: true}, testKeys(ids...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// openSealed opens a store on disk, and seals in front of it.
func openSealed(o Options, ring *keyring.Keyring) (sealedStore, error) {
	disk, err := Open(o)
	if err != nil {
		return sealedStore{}, err
	}
	s, err := sealed.New(disk, ring)
	if err != nil {
		return sealedStore{}, errors.Join(err, disk.Close())
	}
	return sealedStore{s, disk}, nil
}

// registerMany stores endpoints with a secret and a header each.
func registerMany(t testing.TB, s sealedStore, count int, change ...func(*webhook.Endpoint)) (all []webhook.Endpoint) {
	t.Helper()
	for i := range count {
		e := webhook.Endpoint{
			ID: webhook.ID{Seq: s.LastSeq() + 1}, ClientID: fmt.Sprint("client-", i%3), Status: webhook.EndpointActive,
			Secrets: []signing.Secret{{Value: someSecret}}, Headers: []webhook.CustomHeader{{Name: "Authorization", Value: someValue}},
		}
		for _, c := range change {
			c(&e)
		}
		e, err := s.CreateEndpoint(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// sealedBy returns how many endpoints each key seals, for those that seal any.
func sealedBy(t testing.TB, s sealedStore) map[string]int64 {
	t.Helper()
	keys, err := s.SecretKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, k := range keys {
		if k.Endpoints > 0 {
			counts[k.ID] = k.Endpoints
		}
	}
	return counts
}

func wantSealed(t testing.TB, s sealedStore, want map[string]int64) {
	t.Helper()
	if got := sealedBy(t, s); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("sealed endpoints by key: %v, want %v", got, want)
	}
	if _, err := s.disk.Check(nil); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsAreSealedOnDisk(t *testing.T) {
	s := openWith(t, t.TempDir(), "k")
	registerMany(t, s, 2)
	var records [][]byte
	err := s.disk.view("read all", func(tx *badger.Txn) error {
		it := tx.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			value, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			records = append(records, value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if bytes.Contains(r, []byte("nowhere")) {
			t.Fatalf("a record holds a secret: %q", r)
		}
	}
}

func TestOpenRefusesMissingAndWrongKeys(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, "old")
	registerMany(t, s, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, dir, "young", "old")
	all := registerMany(t, s, 2)
	wantSealed(t, s, map[string]int64{"old": 3, "young": 2})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wrong, err := keyring.Generate("old", strings.NewReader(strings.Repeat("another", 10)))
	if err != nil {
		t.Fatal(err)
	}
	young, err := keyring.Generate("young", strings.NewReader(strings.Repeat("young", 10)))
	if err != nil {
		t.Fatal(err)
	}
	another, err := keyring.New(young, wrong)
	if err != nil {
		t.Fatal(err)
	}
	for want, keys := range map[error]*keyring.Keyring{keyring.ErrUnknownKey: testKeys("young"), keyring.ErrWrongKey: another} {
		_, err := openSealed(Options{Dir: dir}, keys)
		var refused *sealed.KeyError
		if !errors.As(err, &refused) || !errors.Is(err, want) || refused.ID != "old" || refused.Endpoints != 3 {
			t.Errorf("%v, want %v of key old for 3 endpoints", err, want)
		}
	}
	s = openWith(t, dir, "young", "old")
	for left := int64(3); left > 0; left = sealedBy(t, s)["old"] {
		if _, err := s.Reencrypt(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, dir, "young") // the old key is not needed any more
	wantSealed(t, s, map[string]int64{"young": 5})
	if got, err := s.Endpoint(t.Context(), all[0].Number()); err != nil || got.Secrets[0].Value != someSecret || got.Headers[0].Value != someValue {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWithoutKeys: the store on disk alone reads everything but the values, and
// refuses to write any in the clear.
func TestWithoutKeys(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, "k")
	e := registerMany(t, s, 1)[0]
	got, err := s.disk.Endpoint(t.Context(), e.Number())
	if err != nil || got.Secrets[0].Value+got.Headers[0].Value != "" || got.Sealed.KeyID != "k" || len(got.Sealed.Text) == 0 {
		t.Errorf("read: %+v, %v", got, err)
	}
	for reason, e := range map[string]webhook.Endpoint{
		"a secret": {ID: e.ID, Secrets: e.Secrets},
		"a header": {ID: e.ID, Headers: e.Headers},
	} {
		if _, err := s.disk.CreateEndpoint(t.Context(), e); !errors.Is(err, errInTheClear) {
			t.Errorf("created with %s: %v", reason, err)
		}
	}
	_, err = s.disk.UpdateEndpoint(t.Context(), e.Number(), func(stored *webhook.Endpoint) error {
		stored.Secrets[0].Value = someSecret
		return nil
	})
	if !errors.Is(err, errInTheClear) {
		t.Errorf("changed: %v", err)
	}
	if c, err := s.disk.Check(nil); err != nil || c.Endpoints != 1 || c.Opened != 0 {
		t.Errorf("check: %+v, %v", c, err)
	}
	if all, err := s.ListEndpoints(t.Context(), "", 0, 10); err != nil || len(all) != 1 || all[0].Secrets[0].Value != someSecret {
		t.Errorf("what was refused has left a trace: %+v, %v", all, err)
	}
}

// TestReencryptBesideChanges: rotations, registrations and deletions go on meanwhile.
func TestReencryptBesideChanges(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, "old")
	const count, rounds = 60, 20
	all := registerMany(t, s, count)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, dir, "young", "old")
	changed := make(chan error, 2)
	go func() {
		var failed error
		for round := range rounds {
			e := all[count-1-round%10]
			_, err := s.UpdateEndpoint(t.Context(), e.Number(), func(e *webhook.Endpoint) error {
				e.Secrets = []signing.Secret{{Value: fmt.Sprint(someSecret, e.Revision)}}
				return nil
			})
			failed = errors.Join(failed, err)
		}
		changed <- failed
	}()
	go func() {
		var failed error
		for i := range 10 {
			_, err := s.UpdateEndpoint(t.Context(), all[i*5].Number(), func(e *webhook.Endpoint) error { e.Delete(time.Now()); return nil })
			failed = errors.Join(failed, err)
		}
		changed <- failed
	}()
	for steps := 0; sealedBy(t, s)["old"] > 0; steps++ {
		if steps > count {
			t.Fatal("it does not come to an end")
		}
		if _, err := s.Reencrypt(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := <-changed; err != nil {
			t.Fatal(err)
		}
	}
	wantSealed(t, s, map[string]int64{"young": count - 10})
	for i, was := range all {
		got, err := s.Endpoint(t.Context(), was.Number())
		switch {
		case err != nil:
			t.Fatal(err)
		case got.Deleted():
			if i%5 != 0 || len(got.Secrets)+len(got.Headers) > 0 {
				t.Errorf("endpoint %d: %+v", i, got)
			}
		case i >= count-10 && got.Secrets[0].Value != fmt.Sprint(someSecret, rounds/10),
			i < count-10 && got.Secrets[0].Value != someSecret, got.Headers[0].Value != someValue:
			t.Errorf("endpoint %d: %+v", i, got)
		}
	}
}

// TestReencryptIsBounded: large records make a step smaller than was asked for.
func TestReencryptIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, "old")
	registerMany(t, s, 30, func(e *webhook.Endpoint) { e.CABundle = strings.Repeat("x", 64<<10) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for done, steps := 0, 0; done < 30; steps++ {
		s := openWith(t, dir, "young", "old") // broken off each time
		n, err := s.Reencrypt(t.Context(), maxBulk)
		if err != nil || n == 0 || n*64<<10 > maxBulkBytes+64<<10 {
			t.Fatalf("step %d: %d, %v", steps, n, err)
		}
		done += n
		if got := sealedBy(t, s); got["young"] != int64(done) || got["old"] != int64(30-done) {
			t.Fatalf("after %d: %v", done, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReapForgetsKeys: an endpoint that goes was counted.
func TestReapForgetsKeys(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, "k")
	for i, e := range registerMany(t, s, 3) {
		_, err := s.UpdateEndpoint(t.Context(), e.Number(), func(e *webhook.Endpoint) error {
			e.DeletedAt = time.Unix(int64(i), 0) // with its secrets, unlike Delete
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	wantSealed(t, s, map[string]int64{"k": 3})
	for more := true; more; {
		var err error
		if more, err = s.Reap(t.Context(), time.Now(), 2); err != nil {
			t.Fatal(err)
		}
	}
	wantSealed(t, s, map[string]int64{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openWith(t, dir, "other") // what seals nothing is not missed
}

func TestCheckOpensSecrets(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, "k")
	all := registerMany(t, s, 3)
	stored, err := s.disk.Endpoint(t.Context(), all[1].Number())
	if err != nil {
		t.Fatal(err)
	}
	uses, err := s.KeyUses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	miscounted := layout.KeyCount{Endpoints: 4, Check: uses[0].Check}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := CheckDir(dir, nil, nil); err != nil || c.Opened != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	if c, err := CheckDir(dir, sealed.NewKeys(testKeys("k")), nil); err != nil || c.Opened != 3 {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := CheckDir(dir, sealed.NewKeys(testKeys("other")), nil); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Fatal(err)
	}
	overwrite(t, dir, layout.SecretKeyKey("k"), miscounted.Encode())
	if c, err := CheckDir(dir, nil, nil); !errors.Is(err, errMiscounted) || c.Damaged != 1 {
		t.Errorf("miscounted: %+v, %v", c, err)
	}
	stored.Sealed.Text[len(stored.Sealed.Text)-1] ^= 1
	overwrite(t, dir, layout.EndpointKey(layout.SpaceEndpoint, all[1].Number()), record.EncodeEndpoint(&stored))
	if c, err := CheckDir(dir, sealed.NewKeys(testKeys("k")), nil); !errors.Is(err, keyring.ErrChanged) || c.Opened != 2 || c.Damaged != 2 {
		t.Errorf("changed: %+v, %v", c, err)
	}
}

// TestBackupKeepsSecretsSealed: a backup is of use with the keys only.
func TestBackupKeepsSecretsSealed(t *testing.T) {
	base := t.TempDir()
	s := openWith(t, filepath.Join(base, "a"), "k")
	all := registerMany(t, s, 2)
	var backup bytes.Buffer
	if err := s.disk.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(backup.Bytes(), []byte("nowhere")) {
		t.Error("the backup holds a secret")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(base, "backup")
	if _, err := BackupDir(filepath.Join(base, "a"), file, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := RestoreDir(file, filepath.Join(base, "b"), nil); err != nil {
		t.Fatal(err)
	}
	restored := openWith(t, filepath.Join(base, "b"), "k")
	wantSealed(t, restored, map[string]int64{"k": 2})
	if got, err := restored.Endpoint(t.Context(), all[1].Number()); err != nil || got.Secrets[0].Value != someSecret {
		t.Errorf("%+v, %v", got, err)
	}
}

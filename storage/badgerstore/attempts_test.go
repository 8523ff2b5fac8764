package badgerstore

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// withLogs fills a store with deliveries that have a log, one for each number of attempts.
func withLogs(t *testing.T, s *Store, attempts ...int) []webhook.ID {
	t.Helper()
	ids := acceptMany(t, s, len(attempts), 1)
	for i, count := range attempts {
		ids[i] = ids[i].For(1)
		d := webhook.Delivery{ID: ids[i], EventType: "user.created", Status: webhook.Queued}
		for range count {
			was := d.Place()
			a := webhook.Attempt{At: time.Now(), StatusCode: 500, Requests: 1, Response: bytes.Repeat([]byte("long "), 100)}
			d = d.Attempted(a, webhook.DefaultSettings().Retry, 0)
			settle(t, s, webhook.Settlement{Was: was, Now: d})
			d.AttemptLog = nil
		}
	}
	return ids
}

// TestBackupKeepsLogs takes logs, and the bodies in them, to another directory.
func TestBackupKeepsLogs(t *testing.T) {
	base := t.TempDir()
	dir, file, again := filepath.Join(base, "a"), filepath.Join(base, "backup"), filepath.Join(base, "b")
	s := openTest(t, dir)
	ids := withLogs(t, s, 0, 1, 3, 5)
	var want []webhook.Delivery
	for _, id := range ids {
		d, err := s.Delivery(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, d)
	}
	closed(t, s)
	had, err := BackupDir(dir, file, nil)
	if err != nil || had.Attempts != 0+1+3+4 { // of one that has failed, the last is in its record
		t.Fatalf("%+v, %v", had, err)
	}
	if got, err := RestoreDir(file, again, nil); err != nil || got != had {
		t.Fatalf("restored %+v of %+v: %v", got, had, err)
	}
	r := openTest(t, again)
	for _, d := range want {
		if got, err := r.Delivery(t.Context(), d.ID); err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("error %v, got\n%+v\nwant\n%+v", err, got, d)
		}
	}
}

// TestCheckLooksAtLogs: records that cannot be read, or whose event is gone, are told.
func TestCheckLooksAtLogs(t *testing.T) {
	for name, fault := range map[string]struct {
		key, value []byte
		want       error
	}{
		"attempt":               {layout.AttemptKey(someID, 1), record.Fresh, record.ErrDamaged},
		"body":                  {layout.BodyKey(someID, 1), []byte{9}, record.ErrDamaged},
		"attempt without event": {layout.AttemptKey(someID, 1), record.EncodeAttempt(&webhook.Attempt{}), errNoEvent},
		"body without event":    {layout.BodyKey(someID, 1), (&record.Body{}).Encode(), errNoEvent},
		"key":                   {append(layout.AttemptKey(someID, 1), 0), record.EncodeAttempt(&webhook.Attempt{}), errForeignKey},
	} {
		s := openTest(t, t.TempDir())
		withLogs(t, s, 2, 5)
		if found, err := s.Check(nil); err != nil || found.Attempts != 6 {
			t.Fatalf("%+v, %v", found, err)
		}
		if err := s.db.Update(func(tx *badger.Txn) error { return tx.Set(fault.key, fault.value) }); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Check(nil); !errors.Is(err, fault.want) || found.Damaged != 1 {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

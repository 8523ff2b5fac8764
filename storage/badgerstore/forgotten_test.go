package badgerstore

import (
	"testing"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// versionsOf counts what a closed directory keeps of a space, removals included.
func versionsOf(t *testing.T, dir string, s layout.Space) (n int) {
	t.Helper()
	err := engine.With(dir, func(db *engine.DB) error {
		tx := db.NewTransaction(false)
		defer tx.Discard()
		n = countItems(tx.NewIterator(badger.IteratorOptions{Prefix: s.Prefix(), AllVersions: true}))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDeliveredLeavesNothingQueued: deliveries that were accepted and delivered while they
// were in memory leave nothing of their queue on disk. Those that wait stay, and so does
// the removal of what was queued by a requeue: an older record may be below it.
func TestDeliveredLeavesNothingQueued(t *testing.T) {
	if !engine.Patched() {
		t.Skip("built with upstream's Badger")
	}
	dir := t.TempDir()
	s := openTest(t, dir)
	ids := acceptMany(t, s, 100, 1, 2)
	for _, id := range ids {
		settle(t, s, delivered(id.For(1)))
	}
	again := ids[0].For(1)
	if _, err := s.Requeue(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, dir)
	settle(t, s, delivered(again))
	if d, err := s.Delivery(t.Context(), again); err != nil || d.Status != webhook.Delivered {
		t.Fatal(d.Status, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The delivery that was requeued: as it was queued, and its removal.
	if n, want := versionsOf(t, dir, layout.SpaceQueued), len(ids)+2; n != want {
		t.Errorf("%d versions of queued deliveries are on disk, want %d", n, want)
	}
	s = openTest(t, dir)
	if n := s.Pending(); n != int64(len(ids)) {
		t.Errorf("%d deliveries are pending, want %d", n, len(ids))
	}
	queued, err := s.Queued(t.Context(), 1, webhook.ID{}, 1000, 1<<20)
	if err != nil || len(queued) > 0 {
		t.Errorf("%d deliveries that were made are queued; %v", len(queued), err)
	}
}

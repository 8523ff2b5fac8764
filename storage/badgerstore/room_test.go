package badgerstore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"github.com/corpastro/astrohook/storage/disk"
	"github.com/corpastro/astrohook/webhook"
)

// blocks is how much of a file is on disk, in bytes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}

// TestRoom: the log that is written has its blocks, and there is a ballast.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	if want := s.room.blocks(); blocks(t, logs[0]) < want {
		t.Errorf("%d bytes of the log are on disk, want %d", blocks(t, logs[0]), want)
	}
	if got := blocks(t, filepath.Join(dir, ballastName)); got < s.room.dimensions.ballast() {
		t.Errorf("%d bytes of the ballast are on disk", got)
	}
}

// TestFailedFlushBreaksTheStore: Badger tells of it in its log only.
func TestFailedFlushBreaksTheStore(t *testing.T) {
	s := openTest(t, t.TempDir())
	log, is := s.db.Opts().Logger.(*badgerLog)
	if !is {
		t.Fatalf("Badger logs to a %T", s.db.Opts().Logger)
	}
	log.Errorf(flushFailed+" to disk: %v, retrying", os.ErrClosed)
	select {
	case <-s.Broken():
	default:
		t.Fatal("the store goes on")
	}
	if err := s.Err(); !errors.Is(err, webhook.ErrBroken) || !strings.Contains(err.Error(), flushFailed) {
		t.Error(err)
	}
}

// TestDimensions: what a store takes of a disk, and keeps free on it, in MiB.
func TestDimensions(t *testing.T) {
	if !patched {
		t.Skip("without the patch logs have one size")
	}
	const mib = 1 << 20
	for _, c := range []struct {
		disk                                  uint64
		log, blocks, turn, ballast            int64
		tables, neededForFew, neededForPlenty int64
	}{
		{disk: 150, log: 4, blocks: 12, turn: 28, ballast: 40, tables: 30, neededForFew: 58, neededForPlenty: 540},
		{disk: 1024, log: 16, blocks: 24, turn: 52, ballast: 76, tables: 30, neededForFew: 82, neededForPlenty: 564},
		{disk: 10 << 10, log: 32, blocks: 40, turn: 84, ballast: 124, tables: 30, neededForFew: 114, neededForPlenty: 596},
		{disk: 10 << 20, log: 32, blocks: 40, turn: 84, ballast: 124, tables: 30, neededForFew: 114, neededForPlenty: 596},
	} {
		d := dimensionsOn(c.disk * mib)
		got := []int64{d.log, d.blocks(), d.turn(), d.ballast(), d.needed(c.tables * mib), d.needed(1 << 40)}
		want := []int64{c.log, c.blocks, c.turn, c.ballast, c.neededForFew, c.neededForPlenty}
		for i := range got {
			if got[i] != want[i]*mib {
				t.Errorf("a disk of %d MiB: %v bytes, want %v MiB", c.disk, got, want)
				break
			}
		}
	}
	// All of it fits the smallest disk, with as many tables as that leaves room for.
	if d := dimensionsOn(150 * mib); d.blocks()+d.ballast()+d.needed(20*mib)+20*mib > 150*mib {
		t.Error("a disk of 150 MiB is too small for 20 MiB of tables")
	}
}

// tightDisk is what a test says of the disk and the log in use.
type tightDisk struct {
	free, left atomic.Int64
	waiting    atomic.Int64
}

// tighten has a store see a disk as the test says.
func tighten(s *Store) *tightDisk {
	d := &tightDisk{}
	s.room.measure = func(string) (disk.Space, error) { return disk.Space{Free: uint64(d.free.Load())}, nil }
	s.room.state = func() (int64, int) { return d.left.Load(), int(d.waiting.Load()) }
	return d
}

func TestAdmits(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d, r := tighten(s), s.room
	turn := r.turn()
	for _, c := range []struct {
		reason        string
		left          int64
		waiting       int64
		free          int64
		provided      bool
		want          []urgency
		publishesAlso bool
	}{
		{"the log has its blocks", freeingShare + 1, 0, 0, true, []urgency{changes, settles, frees}, true},
		{"its end is for what frees", freeingShare, 0, 0, true, []urgency{frees}, false},
		{"it is full, and there is room for the next", 0, 0, turn, true, []urgency{changes, settles, frees}, true},
		{"it is full, and there is not", 0, 0, turn - 1, true, nil, false},
		{"a full one waits to be a table", 0, 1, 2*turn - 1, true, nil, false},
		{"there is room for both", 0, 1, 2 * turn, true, []urgency{changes, settles, frees}, true},
		{"it has no blocks", freeingShare + 1, 0, turn - 1, false, nil, false},
	} {
		d.left.Store(c.left)
		d.waiting.Store(c.waiting)
		d.free.Store(c.free)
		if r.provided = ""; c.provided {
			r.provided = "log"
		}
		for _, u := range []urgency{changes, settles, frees} {
			if got := r.admits(u); got != slices.Contains(c.want, u) {
				t.Errorf("%s: urgency %d is admitted: %v", c.reason, u, got)
			}
		}
		if got := r.admits(publishes); got != c.publishesAlso {
			t.Errorf("%s: publishing is admitted: %v", c.reason, got)
		}
	}
}

// TestFullDiskHolds: on a full disk publishing and changes are refused for a while,
// an outcome waits until there is room, and what was promised can be read.
func TestFullDiskHolds(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids := acceptMany(t, s, 2, 1)
	d := tighten(s)

	settled := make(chan error, 2)
	s.Settle(delivered(ids[0].For(1)), func(err error) { settled <- err })
	for name, err := range map[string]error{
		"accept": acceptOne(s, 1),
		"create": func() error {
			_, err := s.CreateEndpoint(t.Context(), webhook.Endpoint{ID: webhook.ID{Seq: 1}, ClientID: "acme"})
			return err
		}(),
	} {
		retry, is := errors.AsType[*webhook.RetryAfterError](err)
		if !errors.Is(err, webhook.ErrDiskReserve) || !is || retry.After <= 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	select {
	case err := <-settled:
		t.Errorf("settled on a full disk: %v", err)
	default:
	}
	if got, err := s.Delivery(ids[0].For(1)); err != nil || got.Status != webhook.Queued {
		t.Errorf("%+v, %v", got, err)
	}
	s.Settle(delivered(ids[1].For(1)), func(err error) { settled <- err })
	d.free.Store(1 << 40)
	for range 2 {
		if err := <-settled; err != nil {
			t.Error(err)
		}
	}
	if got, err := s.Delivery(ids[0].For(1)); err != nil || got.Status != webhook.Delivered {
		t.Errorf("%+v, %v", got, err)
	}
	if err := acceptOne(s, 1); err != nil {
		t.Error(err)
	}
}

// acceptOne publishes an event, and returns what became of it.
func acceptOne(s *Store, n webhook.EndpointNumber) error {
	e := webhook.Event{ID: webhook.ID{Seq: s.LastSeq() + 1}, Type: "user.created", Data: []byte("{}"), Endpoints: []webhook.EndpointNumber{n}}
	done := make(chan error, 1)
	s.Accept([]webhook.Event{e}, func(_ []webhook.Receipt, err error) { done <- err })
	return <-done
}

// TestFullDiskReaps: what makes room is written into the end of the log.
func TestFullDiskReaps(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), Retention: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id := acceptMany(t, s, 1, 1)[0]
	settle(t, s, webhook.Settlement{
		Was: webhook.Place{Status: webhook.Queued},
		Now: webhook.Delivery{ID: id.For(1), Status: webhook.Delivered, FinishedAt: time.Now().Add(-time.Hour)},
	})
	d := tighten(s)
	d.left.Store(1)
	if err := acceptOne(s, 1); !errors.Is(err, webhook.ErrDiskReserve) {
		t.Error("publishing:", err)
	}
	if _, err := s.Reap(t.Context(), time.Now().Add(time.Hour), 1000); err != nil {
		t.Error("reaping:", err)
	}
	if _, err := s.Event(id); !errors.Is(err, webhook.ErrNotFound) {
		t.Error("the event is still there:", err)
	}
}

// TestCloseOnAFullDisk does not wait for room: an outcome that found none is not
// recorded, which is what a kill would make of it.
func TestCloseOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	id := acceptMany(t, s, 1, 1)[0].For(1)
	tighten(s)
	settled := make(chan error, 1)
	s.Settle(delivered(id), func(err error) { settled <- err })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-settled; !errors.Is(err, webhook.ErrDiskReserve) {
		t.Error(err)
	}
	s = openTest(t, dir)
	if got, err := s.Delivery(id); err != nil || got.Status != webhook.Queued {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestTableWithoutRoom: a table that finds no room is made later; the list of
// tables is another matter, after which nothing may be written.
func TestTableWithoutRoom(t *testing.T) {
	for _, c := range []struct {
		path   string
		broken bool
	}{
		{"/data/000017.sst", false},
		{"/data/" + badger.ManifestFilename, true},
	} {
		s := openTest(t, t.TempDir())
		log, is := s.db.Opts().Logger.(*badgerLog)
		if !is {
			t.Fatalf("Badger logs to a %T", s.db.Opts().Logger)
		}
		cause := &os.PathError{Op: "write", Path: c.path, Err: syscall.ENOSPC}
		log.Errorf(flushFailed+" to disk: %v, retrying", cause)
		log.Warningf(compactionFailed+" with error: %+v: %+v", 1, cause, "{}")
		if broken := s.Err() != nil; broken != c.broken {
			t.Errorf("%s: broken is %v: %v", c.path, broken, s.Err())
		}
	}
}

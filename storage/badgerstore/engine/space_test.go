package engine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corpastro/astrohook/storage/disk"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

// blocksOf returns how much of a file is on disk, in bytes.
func blocksOf(t *testing.T, path string) int64 {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}

// TestStartReservesSpace: the log in use has its blocks, and there is a ballast.
func TestStartReservesSpace(t *testing.T) {
	dir := t.TempDir()
	db := openWriter(t, Options{Dir: dir})
	logs, err := logsIn(dir)
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	if got, want := blocksOf(t, logs[0]), db.space.blocks(); got < want {
		t.Errorf("%d bytes of the log are on disk, want %d", got, want)
	}
	if got := blocksOf(t, filepath.Join(dir, ballastName)); got < db.space.ballast() {
		t.Errorf("%d bytes of the ballast are on disk", got)
	}
	if got, want := db.SpaceNeeded(), uint64(db.space.nextLog()); got != want {
		t.Errorf("%d bytes are needed beside no tables, want %d", got, want)
	}
}

// TestNoSyncKeepsNoSpace: tests and benchmarks do not write a ballast each.
func TestNoSyncKeepsNoSpace(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir)
	if _, err := os.Lstat(filepath.Join(dir, ballastName)); !errors.Is(err, os.ErrNotExist) {
		t.Error("there is a ballast:", err)
	}
	db.PretendDisk(func() int64 { return 0 }, func() (int64, int) { return 0, 0 })
	if !db.Admits(groupcommit.Publishes) || db.SpaceNeeded() != 0 {
		t.Error("space is kept")
	}
	if ends, err := db.Squeeze(); ends || err != nil {
		t.Error("squeezed:", ends, err)
	}
}

// TestSpaceSizes: what a database takes of a disk, and keeps free on it, in MiB.
func TestSpaceSizes(t *testing.T) {
	needPatch(t) // upstream's logs have one size
	const mib = 1 << 20
	for _, c := range []struct {
		disk                                  uint64
		log, blocks, next, ballast            int64
		tables, neededForFew, neededForPlenty int64
	}{
		{disk: 150, log: 4, blocks: 12, next: 28, ballast: 40, tables: 30, neededForFew: 58, neededForPlenty: 540},
		{disk: 1024, log: 16, blocks: 24, next: 52, ballast: 76, tables: 30, neededForFew: 82, neededForPlenty: 564},
		{disk: 10 << 10, log: 32, blocks: 40, next: 84, ballast: 124, tables: 30, neededForFew: 114, neededForPlenty: 596},
		{disk: 10 << 20, log: 32, blocks: 40, next: 84, ballast: 124, tables: 30, neededForFew: 114, neededForPlenty: 596},
	} {
		s := sizesFor(c.disk * mib)
		got := []int64{s.log, s.blocks(), s.nextLog(), s.ballast(), s.needed(c.tables * mib), s.needed(1 << 40)}
		want := []int64{c.log, c.blocks, c.next, c.ballast, c.neededForFew, c.neededForPlenty}
		for i := range got {
			if got[i] != want[i]*mib {
				t.Errorf("a disk of %d MiB: %v bytes, want %v MiB", c.disk, got, want)
				break
			}
		}
	}
	// Everything fits the smallest disk, with as many tables as that leaves space for.
	if s := sizesFor(150 * mib); s.blocks()+s.ballast()+s.needed(20*mib)+20*mib > 150*mib {
		t.Error("a disk of 150 MiB is too small for 20 MiB of tables")
	}
}

func TestAdmits(t *testing.T) {
	db := openWriter(t, Options{Dir: t.TempDir()})
	next := db.space.nextLog()
	all := []groupcommit.Urgency{groupcommit.Settles, groupcommit.Publishes, groupcommit.Changes, groupcommit.Frees}
	for _, c := range []struct {
		reason   string
		left     int64
		waiting  int
		free     int64
		reserved bool
		want     []groupcommit.Urgency
	}{
		{"the log has its blocks", freeingShare + 1, 0, 0, true, all},
		{"the log's end is for what frees space", freeingShare, 0, 0, true, []groupcommit.Urgency{groupcommit.Frees}},
		{"the log is full, and there is space for the next", 0, 0, next, true, all},
		{"the log is full, and there is not", 0, 0, next - 1, true, nil},
		{"a full one waits to become a table", 0, 1, 2*next - 1, true, nil},
		{"there is space for both", 0, 1, 2 * next, true, all},
		{"the log has no blocks", freeingShare + 1, 0, next - 1, false, nil},
	} {
		db.PretendDisk(func() int64 { return c.free }, func() (int64, int) { return c.left, c.waiting })
		if db.space.reserved = ""; c.reserved {
			db.space.reserved = "log"
		}
		for _, u := range all {
			if got := db.Admits(u); got != slices.Contains(c.want, u) {
				t.Errorf("%s: urgency %d is admitted: %v", c.reason, u, got)
			}
		}
	}
}

// TestPublishingNeedsMore: an event needs space for tables that are merged as well,
// which outcomes and changes do not.
func TestPublishingNeedsMore(t *testing.T) {
	s := diskSpace{dir: "somewhere", spaceSizes: sizesFor(150 << 20), reserved: "log"}
	open := openWriter(t, Options{Dir: t.TempDir()})
	s.db = open.badger
	s.state = func() (int64, int) { return 0, 0 }
	tables := func() int64 { return 10 << 20 }
	for _, c := range []struct {
		free int64
		want map[groupcommit.Urgency]bool
	}{
		{s.nextLog(), map[groupcommit.Urgency]bool{groupcommit.Publishes: false, groupcommit.Settles: true, groupcommit.Changes: true}},
		{s.needed(tables()), map[groupcommit.Urgency]bool{groupcommit.Publishes: true, groupcommit.Settles: true, groupcommit.Changes: true}},
		{s.needed(tables()) - 1, map[groupcommit.Urgency]bool{groupcommit.Publishes: false, groupcommit.Settles: true, groupcommit.Changes: true}},
	} {
		s.measure = func(string) (disk.Space, error) { return disk.Space{Free: uint64(c.free)}, nil }
		for u, want := range c.want {
			if got := s.admits(u, tables); got != want {
				t.Errorf("%d bytes free: urgency %d is admitted: %v", c.free, u, got)
			}
		}
	}
	s.measure = func(string) (disk.Space, error) { return disk.Space{}, os.ErrPermission }
	if !s.admits(groupcommit.Publishes, tables) {
		t.Error("a disk that cannot be measured must let the write find out")
	}
}

// TestPrepareStart: a start on a full disk uses the ballast up, and is refused only when
// that is not enough.
func TestPrepareStart(t *testing.T) {
	for name, c := range map[string]struct {
		free, withoutBallast int64
		keeps, refused       bool
	}{
		"plenty":                   {free: 1 << 30, keeps: true},
		"the ballast is needed":    {free: 10 << 20, withoutBallast: 50 << 20},
		"the ballast is too small": {free: 10, withoutBallast: smallestStart - 1, refused: true},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, ballastName)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := diskSpace{dir: dir, spaceSizes: sizesFor(150 << 20), measure: func(string) (disk.Space, error) {
			if _, err := os.Lstat(path); err == nil {
				return disk.Space{Free: uint64(c.free)}, nil
			}
			return disk.Space{Free: uint64(c.withoutBallast)}, nil
		}}
		err := s.prepareStart()
		if errors.Is(err, webhook.ErrDiskReserve) != c.refused || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path); (err == nil) != c.keeps {
			t.Errorf("%s: the ballast: %v", name, err)
		}
	}
}

// TestBallastComesBack: the ballast is made again once there is space for it beside the next log.
func TestBallastComesBack(t *testing.T) {
	dir := t.TempDir()
	db := openWriter(t, Options{Dir: dir})
	path := filepath.Join(dir, ballastName)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	free, now := int64(0), time.Now()
	db.PretendDisk(func() int64 { return free }, func() (int64, int) { return 1 << 30, 0 })
	for _, c := range []struct {
		free int64
		made bool
	}{{db.space.ballast() + db.space.nextLog() - 1, false}, {db.space.ballast() + db.space.nextLog(), true}} {
		free, now = c.free, now.Add(spaceInterval)
		db.Committed(0, now)
		if _, err := os.Lstat(path); (err == nil) != c.made {
			t.Errorf("with %d bytes free: %v", c.free, err)
		}
	}
}

// TestSqueezeWhenTight: tables are left alone while there is space, and a log ends only
// where a table of it finds space.
func TestSqueezeWhenTight(t *testing.T) {
	needPatch(t)
	db := openWriter(t, Options{Dir: t.TempDir()})
	defer squeezeTables(db.badger, false)
	next := db.space.nextLog()
	for _, c := range []struct {
		free int64
		ends bool
	}{{1 << 40, false}, {next + next/8, false}, {next + next/8 - 1, true}, {next, true}, {next - 1, false}} {
		db.PretendDisk(func() int64 { return c.free }, func() (int64, int) { return 1, 0 })
		if ends, err := db.Squeeze(); ends != c.ends || err != nil {
			t.Errorf("%d bytes free: the log ends: %v, %v", c.free, ends, err)
		}
	}
}

// TestLimitedLogsEnd: with the limit of a small disk a database begins a new log, which
// gets blocks of its own.
func TestLimitedLogsEnd(t *testing.T) {
	needPatch(t)
	dir := t.TempDir()
	w := openWriter(t, Options{Dir: dir})
	limitLogs(w.badger, 1<<20)
	first := w.space.reserved
	for n := 0; w.space.reserved == first; n += 1000 {
		if n > 50_000 {
			t.Fatal("10 MB were written to one log")
		}
		w.commit(t, n, n+1000)
	}
	if got := blocksOf(t, w.space.reserved); got < w.space.blocks() {
		t.Errorf("%d bytes of the second log are on disk", got)
	}
}

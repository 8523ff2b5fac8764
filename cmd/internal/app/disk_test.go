package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/corpastro/astrohook/storage/disk"
)

func TestDiskReserve(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		reason         string
		reserve, total uint64
		needed         uint64
		want           uint64
	}{
		{"a tenth of a small disk", 0, 10 * gib, gib / 2, gib},
		{"no more than 2 GiB of a large one", 0, 1000 * gib, gib / 2, 2 * gib},
		{"what the operator set", 5 * gib, 1000 * gib, gib / 2, 5 * gib},
		{"no less than storage needs, of a very small one", 0, gib / 8, gib / 16, gib / 16},
		{"no less than storage needs, whatever was set", 1, 1000 * gib, gib / 2, gib / 2},
	} {
		w := diskWatcher{reserve: c.reserve, needed: func() uint64 { return c.needed }}
		if got := w.bytes(disk.Space{Total: c.total}); got != c.want {
			t.Errorf("%s: %d, want %d", c.reason, got, c.want)
		}
	}
}

// TestDiskWatcher walks free space down and up: each change is passed on and logged once.
func TestDiskWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Uint64
		var fault atomic.Bool
		var told []bool
		var log bytes.Buffer
		var stored atomic.Uint64
		registry, shown, err := newRegistry("test")
		if err = errors.Join(err, shown.registerDisk(registry)); err != nil {
			t.Fatal(err)
		}
		w := &diskWatcher{
			figures: shown,
			stored: func() (uint64, error) {
				if fault.Load() {
					return 0, errors.New("no such device")
				}
				return stored.Add(1000), nil
			},
			reserve: 1600,
			tell:    func(reached bool) { told = append(told, reached) },
			log:     slog.New(slog.NewTextHandler(&log, nil)),
			needed:  func() uint64 { return 700 },
			measure: func(string) (disk.Space, error) {
				if fault.Load() {
					return disk.Space{}, errors.New("no such device")
				}
				return disk.Space{Total: 1 << 20, Free: free.Load()}, nil
			},
		}
		free.Store(1600)
		stop := role(w.Run)
		for _, step := range []struct {
			reason string
			free   uint64
			fault  bool
			want   []bool
		}{
			{"at the reserve", 1600, false, nil},
			{"below", 1599, false, []bool{true}},
			{"still below", 10, false, []bool{true}},
			{"above, by too little to last", 1699, false, []bool{true}},
			{"unknown", 5000, true, []bool{true}},
			{"above", 1700, false, []bool{true, false}},
			{"below again", 0, false, []bool{true, false, true}},
		} {
			free.Store(step.free)
			fault.Store(step.fault)
			time.Sleep(3 * diskInterval)
			synctest.Wait()
			if !slices.Equal(told, step.want) {
				t.Errorf("%s: passed on %v, want %v", step.reason, told, step.want)
			}
			if free := shown.disk().Free; !step.fault && free != step.free {
				t.Errorf("%s: it says that %v are free", step.reason, free)
			}
		}
		time.Sleep(2 * storedInterval)
		synctest.Wait()
		if d := shown.disk(); d.Reserve != 1600 || d.Storage != 3000 {
			t.Errorf("after the start and two minutes: %+v", d)
		}
		if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP astrohook_storage_bytes Space that storage takes on the disk, what it reserves for itself included.
# TYPE astrohook_storage_bytes gauge
astrohook_storage_bytes 3000
# HELP astrohook_disk_reserve_bytes Free space below which publishing is refused.
# TYPE astrohook_disk_reserve_bytes gauge
astrohook_disk_reserve_bytes 1600
# HELP astrohook_disk_free_bytes Free space of the disk that the data directory is on.
# TYPE astrohook_disk_free_bytes gauge
astrohook_disk_free_bytes 0
`), "astrohook_storage_bytes", "astrohook_disk_reserve_bytes", "astrohook_disk_free_bytes"); err != nil {
			t.Error(err)
		}
		fault.Store(true)
		time.Sleep(storedInterval)
		synctest.Wait()
		if d := shown.disk(); d.Storage != 3000 {
			t.Errorf("after a measurement that failed: %+v, want the last figure", d)
		}
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 6 || !strings.Contains(log.String(), "reserve_bytes=1600 set_bytes=1600 storage_needs_bytes=700") {
			t.Errorf("%d lines in the log, want one at start, one for each change and one for each fault:\n%s", lines, log.String())
		}
	})
}

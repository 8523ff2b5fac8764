package app

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// onDisk is what the files below a directory take on disk, in bytes.
func onDisk(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		total += info.Sys().(*syscall.Stat_t).Blocks * 512
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

// heapInUse is what the heap holds that is in use, in bytes.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestLongErrorBodiesTakeLittle: receivers refuse every attempt, with bodies of the largest
// length that is kept: 4,000 attempts, 250 MiB of bodies. Memory and disk take a fraction
// of that, and every attempt is recorded.
func TestLongErrorBodiesTakeLittle(t *testing.T) {
	const (
		endpoints, events, attempts = 4, 50, 20
		mostHeap, mostDisk          = 64 << 20, 64 << 20
		fewer                       = 2000 // bytes of a body, of which there is room for 20
	)
	settings := func(c *Config) { c.ResponseExcerpt = 64 << 10 }
	inWorldOf(t, settings, func(w *world) {
		disk, heap := onDisk(t, w.dir), heapInUse()
		var asked, peak atomic.Int64
		body := strings.Repeat("error page ", 6000)
		var calm atomic.Bool // the receivers answer with less
		var hooks []string
		for i := range endpoints {
			w.receiver(uint16(9001+i), func(receivertest.Request) receivertest.Reply {
				if asked.Add(1)%200 == 0 {
					peak.Store(max(peak.Load(), heapInUse()))
				}
				if calm.Load() {
					return receivertest.With(500, body[:fewer])
				}
				return receivertest.With(500, body)
			}).Forget()
			hooks = append(hooks, w.register(uint16(9001+i), fmt.Sprintf(`,"circuit_breaker":{"failures":10000},
				"retry_policy":{"max_attempts":%d,"initial_delay_ms":1000,"max_delay_ms":1000,"multiplier":1,"jitter":0}`, attempts)))
		}
		w.call("POST", "/api/events/batch", "["+strings.Repeat(`{"event_type":"user.created","data":1},`, events-1)+
			`{"event_type":"user.created","data":1}]`, 202)
		time.Sleep(10 * time.Minute)
		if got := asked.Load(); got != endpoints*events*attempts {
			t.Errorf("%d attempts", got)
		}
		if grown := peak.Load() - heap; grown > mostHeap {
			t.Errorf("the heap grew by %d MiB", grown>>20)
		}
		if grown := onDisk(t, w.dir) - disk; grown > mostDisk {
			t.Errorf("the disk holds %d MiB more", grown>>20)
		}
		for _, hook := range hooks {
			w.hasLogs(hook, events, attempts, len(body))
		}
		// Now that there is room again, the latest two of shorter bodies are whole.
		calm.Store(true)
		w.call("POST", "/api/events", `{"event_type":"user.created","data":1}`, 202)
		time.Sleep(10 * time.Minute)
		for _, hook := range hooks {
			newest := w.deliveries(hook, "failed")[0]
			if long := w.longBodies(newest["id"].(string), attempts, fewer); long != 2 {
				t.Errorf("%d bodies are kept", long)
			}
		}
	})
}

// hasLogs checks that a webhook's deliveries have failed, that all their attempts are
// recorded, and that only the bodies of the latest attempts are whole.
func (w *world) hasLogs(hook string, deliveries, attempts, size int) {
	w.t.Helper()
	failed := w.deliveries(hook, "failed")
	if len(failed) != deliveries {
		w.t.Errorf("%d deliveries have failed", len(failed))
	}
	for _, listed := range failed {
		if long := w.longBodies(listed["id"].(string), attempts, size); long > 2 {
			w.t.Errorf("%d bodies of one delivery are kept", long)
		}
	}
}

// longBodies returns how many attempts of a delivery have more of the body than each has.
func (w *world) longBodies(id string, attempts, size int) (long int) {
	w.t.Helper()
	log := w.call("GET", "/api/deliveries/"+id, "", 200)["attempt_log"].([]any)
	if len(log) != attempts {
		w.t.Fatalf("%d attempts are on record", len(log))
	}
	for _, a := range log {
		if text, _ := a.(map[string]any)["response_body"].(string); len(text) > 256 {
			long++
		} else if len(text) != 256 || a.(map[string]any)["response_truncated"] != true {
			w.t.Fatalf("of %d bytes %d are shown: %v", size, len(text), a)
		}
	}
	return long
}

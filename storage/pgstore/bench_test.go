package pgstore

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/webhook"
)

// flow accepts and settles events from concurrent callers, each with one event on the way,
// as requests do that publish one event each.
type flow struct {
	store *Store
	seq   webhook.Sequence
	data  []byte
	left  atomic.Int64
	wait  sync.WaitGroup
}

func (f *flow) caller(endpoint webhook.EndpointNumber) {
	defer f.wait.Done()
	done := make(chan struct{}, 1)
	for f.left.Add(-1) >= 0 {
		id := webhook.ID{Seq: f.seq.Next(time.Now()), Nonce: 7}
		events := []webhook.Event{{ID: id, Type: "user.created", Data: f.data, Endpoints: []webhook.EndpointNumber{endpoint}}}
		f.store.Accept(events, 0, func([]webhook.Receipt, error) { done <- struct{}{} })
		<-done
		f.wait.Add(1)
		was := queuedDelivery(events[0], endpoint)
		f.store.Settle(webhook.Settlement{Was: was.Place(), Now: attempted(was, 200)}, func(error) { f.wait.Done() })
	}
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machineTime is what all processes of the machine have used, in ticks of 10 ms.
func machineTime(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Skip(err)
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	var sum int64
	for i, field := range strings.Fields(line)[1:] {
		if ticks, err := strconv.ParseInt(field, 10, 64); err == nil && i != 3 && i != 4 { // idle, waiting
			sum += ticks
		}
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

// BenchmarkAcceptAndSettle has a server that syncs. With ASTROHOOK_BENCH_STANDBY its
// commits wait for a standby on the same machine.
func BenchmarkAcceptAndSettle(b *testing.B) {
	server, err := pgtest.Start(b.Context(), pgtest.Options{Sync: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Close() })
	if os.Getenv("ASTROHOOK_BENCH_STANDBY") != "" {
		standby, err := server.Standby(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = standby.Close() })
	}
	for _, callers := range []int{32, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			url, err := server.Database(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			f := &flow{store: openTest(b, url), data: make([]byte, 512)}
			f.left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			own, all := processorTime(), machineTime(b)
			for i := range callers {
				f.wait.Add(1)
				go f.caller(webhook.EndpointNumber(1 + i%16))
			}
			f.wait.Wait()
			b.StopTimer()
			b.ReportMetric(float64((processorTime()-own).Microseconds())/float64(b.N), "client-µs/op")
			b.ReportMetric(float64((machineTime(b)-all).Microseconds())/float64(b.N), "all-µs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

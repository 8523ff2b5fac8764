package app

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/corpastro/astrohook/httpapi/view"
)

// figures are the metrics of the server as a whole: what it is, and what it has of the
// disk. Events, deliveries and requests are counted by the parts. All are set where the
// figure is known anyway, so that a scrape reads memory only.
type figures struct {
	// commits are observed by storage, once for each group of writes.
	commits prometheus.Histogram
	// free, reserve and stored are bytes. The disk watcher sets them: the first two every
	// second, from one statfs, the last one every minute, from the entries of storage's
	// directory.
	free, reserve, stored atomic.Uint64
}

// committed observes a commit.
func (f *figures) committed(took time.Duration) { f.commits.Observe(took.Seconds()) }

// registerDisk registers what is about the disk of the data directory. With a database in
// place of it there are no such figures: zeros would read as a full disk.
func (f *figures) registerDisk(r prometheus.Registerer) error {
	gauge := func(name, help string, bytes *atomic.Uint64) error {
		return r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(bytes.Load()) }))
	}
	return errors.Join(
		gauge("astrohook_disk_free_bytes", "Free space of the disk that the data directory is on.", &f.free),
		gauge("astrohook_disk_reserve_bytes", "Free space below which publishing is refused.", &f.reserve),
		gauge("astrohook_storage_bytes", "Space that storage takes on the disk, what it reserves for itself included.", &f.stored),
	)
}

// disk returns what is known of the disk.
func (f *figures) disk() view.Disk {
	return view.Disk{Free: f.free.Load(), Reserve: f.reserve.Load(), Storage: f.stored.Load()}
}

// newRegistry returns a registry with the figures of the runtime, the process and the
// server. It is this server's, not the global one: two servers may run in one process.
func newRegistry(version string) (*prometheus.Registry, *figures, error) {
	f := &figures{
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "astrohook_storage_commit_seconds",
			Help:    "Time of one commit of storage, its sync to disk included.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms: a disk with a cache of its own; 3 s: one that fails
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "astrohook_build_info", Help: "Always 1; the labels say which program runs.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	})
	build.Set(1)
	r := prometheus.NewRegistry()
	all := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		f.commits, build,
	}
	var err error
	for _, c := range all {
		err = errors.Join(err, r.Register(c))
	}
	return r, f, err
}

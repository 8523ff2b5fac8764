package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/corpastro/astrohook/bench/report"
)

// watchingStreams is how many programs read the stream of everything that happens.
const watchingStreams = 10

// consoleReads are what the console's pages ask for while somebody looks at them: the
// overview with its charts, the lists of webhooks and of deliveries, each as often as its page does.
var consoleReads = []struct {
	path  string
	every time.Duration
}{
	{"/api/overview?series=false", 2 * time.Second},
	{"/api/overview", 15 * time.Second},
	{"/api/webhooks", 5 * time.Second},
	{"/api/deliveries", 3 * time.Second},
}

// watchers look at a server while a scenario loads it: streams, and the pages of a console.
type watchers struct {
	group *errgroup.Group
	end   context.CancelFunc
	// attempts counts, for each stream, the attempts that it was shown or told it has lost.
	attempts [watchingStreams]atomic.Uint64
}

// watch begins to look at the session's server, and returns once every stream is open.
func (v *session) watch(ctx context.Context) (*watchers, error) {
	ctx, end := context.WithCancel(ctx)
	w := &watchers{end: end}
	w.group, ctx = errgroup.WithContext(ctx)
	open := make(chan struct{}, watchingStreams)
	for i := range w.attempts {
		w.group.Go(func() error {
			return v.server.Stream(ctx, func(kind string) {
				switch kind {
				case "hello":
					open <- struct{}{}
				case "attempt", "lost":
					w.attempts[i].Add(1)
				}
			})
		})
	}
	for range w.attempts {
		select {
		case <-open:
		case <-ctx.Done(): // a stream has failed
			return nil, errors.Join(context.Cause(ctx), w.close())
		}
	}
	for _, read := range consoleReads {
		w.group.Go(func() error { return v.look(ctx, read.path, read.every) })
	}
	return w, nil
}

// look reads a path again and again until ctx ends.
func (v *session) look(ctx context.Context, path string, every time.Duration) error {
	for {
		if err := v.server.Call(ctx, http.MethodGet, path, nil, nil); err != nil && ctx.Err() == nil {
			return err
		}
		if sleep(ctx, every) != nil {
			return nil
		}
	}
}

// close ends what watches, and returns what went wrong meanwhile.
func (w *watchers) close() error {
	w.end()
	return w.group.Wait()
}

// checkSeen returns an error if a stream was shown nothing of a run that delivered something.
func (w *watchers) checkSeen(r *report.Result) error {
	for i := range w.attempts {
		if r.Delivered > 0 && w.attempts[i].Load() == 0 {
			return fmt.Errorf("stream %d was shown none of %d deliveries", i, r.Delivered)
		}
	}
	return nil
}

// measureWatched measures a scenario beside an open console and streams.
func (v *session) measureWatched(ctx context.Context, s scenario) (r report.Result, err error) {
	v.b.progress.step(s, fmt.Sprintf("opening %d streams and a console", watchingStreams))
	w, err := v.watch(ctx)
	if err != nil {
		return r, err
	}
	r, err = v.b.warmAndMeasure(ctx, s, v.target(s))
	if err := errors.Join(err, w.close()); err != nil {
		return r, err
	}
	return r, w.checkSeen(&r)
}

// playWatched measures latency and single by themselves, and each beside an open console and
// streams on a server of its own, one right after the other.
func playWatched(ctx context.Context, b *bench, s scenario) ([]report.Result, error) {
	alone := s.variant(report.SingleAlone)
	alone.Watched = false
	calm := s.variant(report.LatencyWatched)
	calm.Rate, calm.Connections = 500, 64
	calmAlone := calm.variant(report.LatencyAlone)
	calmAlone.Watched = false
	return each(ctx, b, []scenario{calmAlone, calm, alone, s})
}

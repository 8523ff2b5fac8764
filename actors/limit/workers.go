package limit

import (
	"slices"
	"sync"
	"time"
)

// workerIdle bounds how long a worker is kept without a job: an idle one ends after between
// one and two times this.
const workerIdle = 10 * time.Second

// Workers runs jobs on at most max goroutines, in the order in which they came. A goroutine
// that has done its job is kept for a while: a new one would have to grow its stack again,
// which costs more than most jobs. It owns its goroutines; Close ends them.
type Workers struct {
	max  int
	wait sync.WaitGroup

	mu      sync.Mutex
	running int           // workers, idle ones included
	idle    []chan func() // one for each idle worker, the one that is idle longest first
	// spare is how many were idle all the time since the last trim. trimmer is nil while no
	// worker runs.
	spare   int
	trimmer *time.Timer
	queue   []func() // jobs that wait, because max workers run
	closed  bool
}

// NewWorkers returns workers for up to n jobs at a time; Close ends them.
func NewWorkers(n int) *Workers { return &Workers{max: n} }

// Run has a job run, and does not wait. After Close it does nothing.
func (w *Workers) Run(job func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch n := len(w.idle); {
	case w.closed:
	case n > 0:
		// The worker that was idle for the shortest time has the warmest stack, and the
		// others can be trimmed.
		worker := w.idle[n-1]
		w.idle = w.idle[:n-1]
		w.spare = min(w.spare, n-1)
		worker <- job // buffered
	case w.running < w.max:
		w.running++
		w.wait.Add(1)
		if w.trimmer == nil {
			w.trimmer = time.AfterFunc(workerIdle, w.trim)
		}
		go w.work(job)
	default:
		w.queue = append(w.queue, job)
	}
}

// work runs a job, then others until the worker is dismissed.
func (w *Workers) work(job func()) {
	defer w.wait.Done()
	jobs := make(chan func(), 1)
	for job != nil {
		job()
		job = w.nextJob(jobs)
	}
}

// nextJob waits for a worker's next job, and returns it; nil if the worker is dismissed.
func (w *Workers) nextJob(jobs chan func()) func() {
	if job, ok := w.take(jobs); ok {
		return job
	}
	return <-jobs
}

// take returns a job that waits, or nil if the worker is to end. Otherwise the worker is
// idle from now on, gets its next job through jobs, and ok is false.
func (w *Workers) take(jobs chan func()) (job func(), ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.queue) > 0:
		job = w.queue[0]
		w.queue[0] = nil
		w.queue = w.queue[1:]
		return job, true
	case w.closed:
		w.running--
		return nil, true
	default:
		w.idle = append(w.idle, jobs)
		return nil, false
	}
}

// trim dismisses the workers that had nothing to do since the last trim.
func (w *Workers) trim() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.dismissLocked(w.spare)
	w.spare = len(w.idle)
	if w.running > 0 {
		w.trimmer.Reset(workerIdle)
	} else {
		w.trimmer = nil
	}
}

// dismissLocked ends the n workers that are idle longest; w.mu is held.
func (w *Workers) dismissLocked(n int) {
	for _, worker := range w.idle[:n] {
		worker <- nil
	}
	w.running -= n
	w.idle = slices.Delete(w.idle, 0, n)
}

// Close waits until the jobs handed over are done, those that wait included. Calling it
// again is harmless.
func (w *Workers) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		w.dismissLocked(len(w.idle))
		if w.trimmer != nil {
			w.trimmer.Stop()
		}
	}
	w.mu.Unlock()
	w.wait.Wait()
}

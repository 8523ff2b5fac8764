package actors

import (
	"sync"
	"time"
)

// workerIdle is how long a worker waits for its next job before it ends.
const workerIdle = 10 * time.Second

// workers runs jobs on at most max goroutines, in the order in which they came.
// A goroutine is kept for a while, since a new one has to grow its stack anew.
type workers struct {
	max  int
	wait sync.WaitGroup

	mu      sync.Mutex
	running int
	idle    []chan func() // the longest idle first
	queue   []func()
	closed  bool
}

func newWorkers(n int) *workers { return &workers{max: n} }

// run hands a job over; it does not wait. After close it does nothing.
func (w *workers) run(job func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch n := len(w.idle); {
	case w.closed:
	case n > 0:
		worker := w.idle[n-1]
		w.idle = w.idle[:n-1]
		worker <- job // buffered
	case w.running < w.max:
		w.running++
		w.wait.Add(1)
		go w.work(job)
	default:
		w.queue = append(w.queue, job)
	}
}

func (w *workers) work(job func()) {
	defer w.wait.Done()
	jobs := make(chan func(), 1)
	timer := time.NewTimer(workerIdle)
	defer timer.Stop()
	for job != nil {
		job()
		job = w.next(jobs, timer)
	}
}

// next gives the worker its next job, nil to end.
func (w *workers) next(jobs chan func(), timer *time.Timer) func() {
	w.mu.Lock()
	if len(w.queue) > 0 {
		job := w.queue[0]
		w.queue[0] = nil
		w.queue = w.queue[1:]
		w.mu.Unlock()
		return job
	}
	if w.closed {
		w.running--
		w.mu.Unlock()
		return nil
	}
	w.idle = append(w.idle, jobs)
	w.mu.Unlock()
	timer.Reset(workerIdle)
	select {
	case job := <-jobs:
		return job
	case <-timer.C:
		return w.leave(jobs)
	}
}

// leave takes the worker off the idle list, unless a job was handed to it just now.
func (w *workers) leave(jobs chan func()) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, idle := range w.idle {
		if idle == jobs {
			w.idle = append(w.idle[:i], w.idle[i+1:]...)
			w.running--
			return nil
		}
	}
	return <-jobs
}

// close waits until the jobs handed over are done. Calling it again is harmless.
func (w *workers) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		w.running -= len(w.idle)
		for _, jobs := range w.idle {
			jobs <- nil
		}
		w.idle = nil
	}
	w.mu.Unlock()
	w.wait.Wait()
}

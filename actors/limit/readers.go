package limit

import "sync"

const (
	// maxReads bounds the reads of storage that run at the same time.
	maxReads = 8
	// maxClientReads bounds those of one client, so that another one finds a reader free.
	maxClientReads = maxReads * 3 / 4
)

// Readers runs what endpoint actors want of storage on a few goroutines, each
// client in its turn.
type Readers struct {
	pool *Workers

	mu      sync.Mutex
	running int
	turns   []*clientQueue // clients that have something to run, and may
}

// clientQueue is what waits for one client. The reader's mutex guards it.
type clientQueue struct {
	soon, later []func()
	running     int
	inTurn      bool
}

// NewReaders returns readers that have nothing to do; Close ends them.
func NewReaders() *Readers { return &Readers{pool: NewWorkers(maxReads)} }

// Run hands a job of a client over; it does not wait. Those to be run soon come
// before the client's others.
func (r *Readers) Run(of *Client, soon bool, job func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := &of.reads
	if soon {
		line.soon = append(line.soon, job)
	} else {
		line.later = append(line.later, job)
	}
	r.queue(line)
	if r.running < maxReads {
		r.running++
		r.pool.Run(r.work)
	}
}

// queue gives a client its next turn if it has a job that may run.
func (r *Readers) queue(line *clientQueue) {
	if !line.inTurn && line.running < maxClientReads && len(line.soon)+len(line.later) > 0 {
		line.inTurn = true
		r.turns = append(r.turns, line)
	}
}

// work runs jobs until none may run.
func (r *Readers) work() {
	for line, job := r.next(nil); job != nil; line, job = r.next(line) {
		job()
	}
}

// next returns the job whose turn it is; done is the client whose job has just ended.
func (r *Readers) next(done *clientQueue) (*clientQueue, func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done != nil {
		done.running--
		r.queue(done)
	}
	if len(r.turns) == 0 {
		r.running--
		return nil, nil
	}
	line := r.turns[0]
	r.turns[0] = nil
	r.turns = r.turns[1:]
	job := line.take()
	line.running++
	line.inTurn = false
	r.queue(line)
	return line, job
}

func (l *clientQueue) take() (job func()) {
	from := &l.soon
	if len(*from) == 0 {
		from = &l.later
	}
	job = (*from)[0]
	(*from)[0] = nil
	if *from = (*from)[1:]; len(*from) == 0 {
		*from = nil
	}
	return job
}

// Close waits until the jobs handed over are done.
func (r *Readers) Close() { r.pool.Close() }

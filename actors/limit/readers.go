package limit

import "sync"

const (
	// maxReads bounds the reads of storage that run at the same time.
	maxReads = 8
	// maxClientReads bounds those of one client, so that another one finds a reader free.
	maxClientReads = maxReads * 3 / 4
)

// Readers runs what endpoint actors want from storage on a few goroutines, because actors
// must not block. Clients take turns, so that the wait for a read does not grow with how
// much another client reads.
type Readers struct {
	pool *Workers

	mu      sync.Mutex
	running int
	turns   []*clientQueue // clients that have jobs and may run one more, in order of their turns
}

// clientQueue holds the jobs of one client that wait. Readers.mu guards it.
type clientQueue struct {
	soon, later []func()
	running     int
	inTurn      bool // it is in Readers.turns
}

// NewReaders returns readers that have nothing to do; Close ends them.
func NewReaders() *Readers { return &Readers{pool: NewWorkers(maxReads)} }

// Run has a job of a client run, and does not wait. Jobs that are to run soon come before
// the client's others: an actor that just started cannot follow what is published without
// them, and a person waits for a change.
func (r *Readers) Run(of *Client, soon bool, job func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	queue := &of.reads
	if soon {
		queue.soon = append(queue.soon, job)
	} else {
		queue.later = append(queue.later, job)
	}
	r.enqueue(queue)
	if r.running < maxReads {
		r.running++
		r.pool.Run(r.work)
	}
}

// enqueue appoints the next turn of a client if it has a job that may run; r.mu is held.
func (r *Readers) enqueue(queue *clientQueue) {
	if !queue.inTurn && queue.running < maxClientReads && len(queue.soon)+len(queue.later) > 0 {
		queue.inTurn = true
		r.turns = append(r.turns, queue)
	}
}

// work runs jobs, in turns of one job, until none may run.
func (r *Readers) work() {
	for queue, job := r.nextJob(nil); job != nil; queue, job = r.nextJob(queue) {
		job()
	}
}

// nextJob returns the job whose turn it is, and the client that it is of; nil if none may
// run. ended is the client whose job has just ended, nil if none has.
func (r *Readers) nextJob(ended *clientQueue) (*clientQueue, func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ended != nil {
		ended.running--
		r.enqueue(ended)
	}
	if len(r.turns) == 0 {
		r.running--
		return nil, nil
	}
	queue := r.turns[0]
	r.turns[0] = nil
	r.turns = r.turns[1:]
	job := queue.take()
	queue.running++
	queue.inTurn = false
	r.enqueue(queue)
	return queue, job
}

// take removes and returns the client's next job. There must be one.
func (q *clientQueue) take() (job func()) {
	from := &q.soon
	if len(*from) == 0 {
		from = &q.later
	}
	job = (*from)[0]
	(*from)[0] = nil
	if *from = (*from)[1:]; len(*from) == 0 {
		*from = nil // a client that once had much to read keeps no memory for it
	}
	return job
}

// Close waits until the jobs handed over are done. Run must not be called any more.
func (r *Readers) Close() { r.pool.Close() }

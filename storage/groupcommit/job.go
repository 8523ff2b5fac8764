package groupcommit

import "sync/atomic"

// Urgency is how much a write needs the room that is left on a full disk. See
// Options.Admits.
type Urgency int

// The urgencies. The zero value is for the outcomes of attempts, because they must
// not be lost by a caller who forgets to set it.
const (
	// Settles is the outcome of something that has happened already. The committer
	// keeps such a write until there is room.
	Settles Urgency = iota
	// Publishes brings new work. It is the first to be refused, as its caller can
	// come again and holds the data until then.
	Publishes
	// Changes is a change that somebody waits for: it is answered, not kept.
	Changes
	// Frees removes more than it adds, and so may use the last of the room.
	Frees
)

// Job is a write on its way to the disk: a pointer to a struct of the backend that
// embeds Ticket.
type Job interface {
	// Replan drops what the job has read from the store so far. The committer calls
	// it when other writes may now be committed before this one.
	Replan()
	ticket() *Ticket
}

// Ticket is the part of a job that the committer uses. Its fields must not change
// once the job was submitted.
type Ticket struct {
	// Done is called exactly once with what became of the job. It must not block.
	Done func(error)
	// Urgency decides what happens to the job while the disk is full.
	Urgency Urgency
	// After is an earlier job of the same Submit without which this one has nothing
	// to do: it is refused when that one is. Nil for none.
	After *Ticket

	err     error       // of this job alone
	late    bool        // submitted after Close
	refused bool        // by a full disk
	done    atomic.Bool // Done was called
}

// Fail makes the job fail with err although its group is committed. Only Commit
// calls it; nil undoes an earlier call.
func (t *Ticket) Fail(err error) { t.err = err }

// Err returns the error that Fail was called with.
func (t *Ticket) Err() error { return t.err }

// Replan does nothing, for jobs that read nothing before they are committed.
func (t *Ticket) Replan() {}

func (t *Ticket) ticket() *Ticket { return t }

// Overdue reports whether Done was called before the commit, because of Options.Patience.
// Then nobody needs to know whether the job is committed. Only Commit calls it.
func (t *Ticket) Overdue() bool { return t.done.Load() }

// finish reports the result of the job's group, or the job's own failure.
func (t *Ticket) finish(group error) {
	if group == nil {
		group = t.err
	}
	if t.done.CompareAndSwap(false, true) {
		t.Done(group)
	}
}

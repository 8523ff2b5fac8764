package pgstore

import (
	"bytes"
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/corpastro/astrohook/storage/pgstore/columns"
	"github.com/corpastro/astrohook/storage/pgstore/session"
)

// inBinary is the format of all parameters and results of groups.
var inBinary = []int16{1}

// send builds the group of the jobs that are still in it, and sends it.
func (w *writer) send(ctx context.Context) error {
	s, g := w.store, &w.group
	g.reset()
	empty := true
	for _, j := range w.jobs {
		if w.joins(j) {
			g.add(j)
			empty = false
		}
	}
	w.steps = g.steps(w.steps[:0], s.options.Now().UnixMilli())
	// Repetitions of idempotency keys have no rows, and are answered after a commit all the
	// same: only what writes waits for the standby, which may lack the event that came first.
	if empty {
		w.committed(nil)
		return nil
	}
	if w.wary > 0 && len(g.first) > 0 {
		w.wary--
		if found, err := w.findKeys(ctx); found || err != nil {
			return w.dropped(err)
		}
	}
	number := w.slot.next()
	w.slot.sent, w.whenCommitted = number, func() { w.committed(nil) }
	warned := session.Warnings(w.conn)
	rows, failed, err := w.pipeline(ctx, number)
	if err != nil {
		return w.react(ctx, number, failed, err)
	}
	if session.Warnings(w.conn) > warned {
		return session.ErrUnknown
	}
	w.slot.last, w.slot.sent, w.whenCommitted = number, 0, nil
	w.committed(rows)
	return nil
}

// joins reports whether a job takes part in the group, and fails one that cannot.
func (w *writer) joins(j *job) bool {
	if j.first != nil && j.first.Err() != nil && !j.out {
		j.fail(j.first.Err())
	}
	if j.out || j.Overdue() || j.part != nil && j.part.wanted != nil && !j.part.wanted() {
		j.out = true
	}
	return !j.out
}

// pipeline sends the group in one round trip, as one transaction, and returns how many rows
// each statement concerned. After an error failed is the statement's position; -1 for the
// transaction's number, and anything if the error is not the server's.
func (w *writer) pipeline(ctx context.Context, number int64) (rows []int64, failed int, err error) {
	p := w.conn.PgConn().StartPipeline(ctx)
	w.queue(p, number)
	err = p.Flush()
	rows = make([]int64, 0, len(w.steps))
	for failed = -1; failed < len(w.steps) && err == nil; failed++ {
		var tag pgconn.CommandTag
		if tag, err = nextResult(p); err != nil {
			break
		}
		if failed >= 0 {
			rows = append(rows, tag.RowsAffected())
		}
	}
	if err == nil && w.asksForStandby() {
		err = nextCopied(p)
	}
	if closed := p.Close(); err == nil { // reads to the end: the commit can fail, too
		err = closed
	}
	return rows, failed, err
}

// queue puts the transaction into a pipeline, and after it the question whether it waited
// for a standby, if one is required.
func (w *writer) queue(p *pgconn.Pipeline, number int64) {
	p.SendQueryPrepared(nameNumber, [][]byte{
		columns.Of(int64(w.store.incarnation)), columns.Of2(w.slot.number), columns.Of(w.slot.last),
		columns.Of(number), columns.Of(w.group.pending),
	}, inBinary, inBinary)
	for i := range w.steps {
		p.SendQueryPrepared(w.steps[i].name, w.steps[i].params, inBinary, inBinary)
	}
	p.SendPipelineSync()
	if w.asksForStandby() {
		p.SendQueryPrepared(nameCopied, nil, nil, inBinary)
		p.SendPipelineSync()
	}
}

// asksForStandby reports whether a commit counts only if it waited for a standby.
func (w *writer) asksForStandby() bool { return !w.store.options.LonePrimary }

// nextCopied reads the end of a transaction, and the answer to nameCopied after it. Unless
// the error is that of the transaction, it is committed, and its outcome is to be asked for.
func nextCopied(p *pgconn.Pipeline) error {
	if _, err := p.GetResults(); err != nil {
		return err
	}
	result, err := p.GetResults()
	reader, ok := result.(*pgconn.ResultReader)
	if err != nil || !ok {
		return session.ErrUnknown
	}
	answer := reader.Read()
	if answer.Err != nil || len(answer.Rows) != 1 {
		return session.ErrUnknown
	}
	if waits := answer.Rows[0][0]; !bytes.Equal(waits, []byte{1}) {
		return session.ErrAlone
	}
	return nil
}

// nextResult reads the result of the next statement of a pipeline.
func nextResult(p *pgconn.Pipeline) (pgconn.CommandTag, error) {
	result, err := p.GetResults()
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	reader, ok := result.(*pgconn.ResultReader)
	if !ok {
		return pgconn.CommandTag{}, session.ErrUnknown
	}
	return reader.Close()
}

// committed notes that the group is stored. rows are how many each statement concerned;
// nil if that is not known. Settlements whose deliveries were not all where they were
// believed to be become doubtful.
func (w *writer) committed(rows []int64) {
	var moved [moveKinds]int
	sure := [moveKinds]bool{}
	for i := range w.steps {
		step := &w.steps[i]
		if step.want < 0 {
			continue
		}
		moved[step.kind] = step.want // not known: as many as possible
		if rows != nil {
			moved[step.kind], sure[step.kind] = int(rows[i]), int(rows[i]) == step.want
		}
	}
	moves := w.group.moves
	for _, j := range w.jobs {
		if j.out || j.settle == nil {
			continue
		}
		k := j.settle.kind
		if k != byLooking && sure[k] {
			moves = append(moves, k.moveOf(&j.settle.now))
			continue
		}
		w.doubtful = append(w.doubtful, doubt{j.settle, k})
	}
	w.group.moves, w.moved, w.stored = moves, moved, true
	w.store.sawSeq(w.group.lastSeq)
	w.store.applied(moves)
}

// react decides what follows from an error of the group. Without an error another attempt
// may follow at once.
func (w *writer) react(ctx context.Context, number int64, failed int, err error) error {
	var ofServer *pgconn.PgError
	if !errors.As(err, &ofServer) || session.KindOf(err) == session.Temporary {
		return w.dropped(err) // the outcome is not known
	}
	w.slot.sent, w.whenCommitted = 0, nil // the server has undone it
	name := ""
	if failed >= 0 && failed < len(w.steps) {
		name = w.steps[failed].name
	}
	switch k := session.KindOf(err); {
	case k == session.FailedCheck && failed < 0:
		w.slot.sent = number // the next attempt finds out why
		return session.ErrUnknown
	case k == session.FailedCheck && name == nameVersion:
		return w.refuseStale(ctx, err)
	case k == session.FailedCheck && name == nameKeys:
		w.wary = wary
		_, err := w.findKeys(ctx)
		return w.dropped(err)
	case k == session.FailedCheck && (name == nameAdvance || name == nameFinish):
		w.leaveOut(w.steps[failed].part)
		return nil
	case k == session.Exists && name == nameEvents:
		return w.refuseTaken(ctx, err)
	case k == session.Exists && w.steps[failed].want >= 0:
		w.lookForAll()
		return nil
	case k == session.Full && w.refuseAccepts(session.Translate(ctx, err)):
		return nil
	}
	return err
}

// wary is for how many groups idempotency keys are looked up first, after one was taken: a
// group that stores a taken key is undone as a whole.
const wary = 64

package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// answerTimeout bounds how long the committer waits for the server. A server that needs
// longer is taken for gone; the next transaction finds out what it has done.
const answerTimeout = 10 * time.Second

// writer commits groups on a session of its own. Only the committer uses it.
type writer struct {
	store *Store
	slot  *slot
	conn  *pgx.Conn // nil while there is none
	group group
	steps []groupStep
	jobs  []*job                  // of the group at hand
	seen  map[webhook.ID]struct{} // the deliveries that the group settles
	// stored says that the group is committed, except for what doubtful has.
	stored   bool
	doubtful []doubt
	moved    [moveKinds]int // how many deliveries of each kind the group has moved
	// whenCommitted is called if a transaction of unknown outcome was committed.
	whenCommitted func()
	// wary is for how many groups idempotency keys are looked up before they are stored.
	wary int
	// failing is since when the group at hand cannot be committed; zero if it can.
	failing time.Time
}

func newWriter(s *Store) *writer {
	return &writer{store: s, slot: &s.slots[slotGroups], seen: map[webhook.ID]struct{}{}}
}

// commit writes as many jobs as fit into one group, and returns how many it took. It
// repeats the group until it is stored; what cannot be stored fails alone.
func (s *Store) commit(jobs []*job) (int, error) {
	w := s.writer
	n, began := w.take(jobs), time.Now()
	for b := (backoff{}); ; {
		err := w.try()
		if err == nil && w.stored && len(w.doubtful) == 0 {
			w.recovered()
			s.options.Committed(time.Since(began))
			return n, nil
		}
		if err == nil {
			continue // some jobs have left the group, or the rest is to be looked for
		}
		if end := w.ends(err); end != nil {
			w.failAll(end)
			return n, nil
		}
		// Close has been called: whoever waits for it wants no pause to be cut short.
		b.wait(context.Background(), nil)
	}
}

// take begins a group with the first jobs, and returns how many. A delivery is settled
// once in a group, because the statements of a group have no order among settlements.
func (w *writer) take(jobs []*job) int {
	clear(w.seen)
	rows, size, n := 0, 0, 0
	for n < len(jobs) && n < maxGroupJobs {
		j := jobs[n]
		rows, size = rows+j.rows(), size+j.size()
		if n > 0 && (rows > maxGroupRows || size > maxGroupBytes) {
			break
		}
		if j.settle != nil {
			id := j.settle.now.ID
			if _, again := w.seen[id]; again {
				break
			}
			w.seen[id] = struct{}{}
		}
		n++
	}
	w.jobs, w.stored, w.doubtful = jobs[:n], false, w.doubtful[:0]
	return n
}

// try makes one attempt at what is left of the group. Without an error another attempt may
// follow at once.
func (w *writer) try() error {
	s := w.store
	if err := s.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	if err := w.connect(ctx); err != nil {
		return err
	}
	if w.slot.sent != 0 {
		committed, err := s.resolve(ctx, w.conn, w.slot)
		if err != nil {
			return w.dropped(err)
		}
		if committed && w.whenCommitted != nil {
			w.whenCommitted()
		}
		w.whenCommitted = nil
	}
	if !w.stored {
		return w.send(ctx)
	}
	if len(w.doubtful) > 0 {
		return w.look(ctx)
	}
	return nil
}

// ends returns the error with which the group is given up; nil to try again.
func (w *writer) ends(err error) error {
	s := w.store
	if failed := s.Err(); failed != nil {
		return failed
	}
	err = session.Translate(context.Background(), err)
	if !session.IsPassingAfter(err) {
		return s.breaks(err)
	}
	if w.failing.IsZero() {
		w.failing = time.Now()
		s.options.Log.Warn("the database takes no writes; they are repeated", "error", err)
	}
	if s.life.isClosed() && time.Since(w.failing) > patience {
		return err
	}
	return nil
}

// recovered notes that a group is stored.
func (w *writer) recovered() {
	if !w.failing.IsZero() {
		w.store.options.Log.Info("the database takes writes again", "after_ms", time.Since(w.failing).Milliseconds())
		w.failing = time.Time{}
	}
}

// failAll fails every job that is still in the group. What becomes of a transaction whose
// outcome is not known concerns nobody any more.
func (w *writer) failAll(err error) {
	for _, j := range w.jobs {
		if !j.out {
			j.fail(err)
		}
	}
	w.whenCommitted = nil
}

// connect opens the session and prepares its statements, unless there is one.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	conn, err := session.Connect(ctx, w.store.config, w.store.settings)
	if err != nil {
		return err
	}
	p := conn.PgConn().StartPipeline(ctx)
	for name, sql := range tables.Prepared {
		p.SendPrepare(name, sql, nil)
	}
	err = p.Sync()
	for range tables.Prepared {
		if err == nil {
			_, err = p.GetResults()
		}
	}
	if closed := p.Close(); err == nil {
		err = closed
	}
	w.conn = conn
	return w.dropped(err)
}

// dropped ends the session after an error that may be the session's, and returns the error.
func (w *writer) dropped(err error) error {
	if err != nil && session.KindOf(err) == session.Temporary {
		w.disconnect()
	}
	return err
}

// disconnect ends the session.
func (w *writer) disconnect() {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.conn.Close(ctx) // it is over either way
	w.conn = nil
}

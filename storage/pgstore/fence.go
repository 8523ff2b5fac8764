package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
)

// Each writer of a node has a slot: a row of the table fence, in which the first statement
// of each of its transactions writes the transaction's number. Nobody else touches the row,
// except to fence the node. That makes three things certain:
//   - once fenced is set, nothing that the node still sends is stored;
//   - a transaction expects the number of the one before it, so that one which was believed
//     lost, and repeated under another number, can never happen after its repetition;
//   - after a commit of unknown outcome the number says what became of it. Asking is a
//     write itself, because an answer that writes nothing would not wait for the standby,
//     and could acknowledge what only the primary has.
const (
	slotGroups  int16 = iota // the committer
	slotChanges              // changes that somebody waits for
	slots
)

const (
	nameNumber = "fence.number"
	nameCopied = "fence.copied"
)

// slot is one writer. Its user makes sure that it has one transaction at a time.
type slot struct {
	number int16
	// last is the number of the last transaction that the database has acknowledged.
	last int64
	// used is the largest number that was sent.
	used int64
	// sent is the number of a transaction whose outcome is not known; 0 for none.
	sent int64
}

// next returns a number that was never sent.
func (l *slot) next() int64 {
	l.used++
	return l.used
}

// errLost reports a database that lacks what it has acknowledged.
type errLost struct{ acknowledged, found int64 }

// Error names the gap.
func (e *errLost) Error() string {
	return fmt.Sprintf("the database lacks what it has acknowledged: the last transaction of this node was number %d, and it has number %d. It was replaced by a copy that is older",
		e.acknowledged, e.found)
}

var (
	sqlCreateFence = tables.Statement("fence.create", `INSERT INTO fence (incarnation, slot, commits, pending, fenced)
		VALUES ($1, $2, 0, 0, false)`)
	// Fails with a division by zero unless the row is there, unfenced, with the number
	// that is expected.
	sqlNumber = tables.Writing(nameNumber, `WITH numbered AS (
			UPDATE fence SET commits = $4, pending = pending + $5
			WHERE incarnation = $1 AND slot = $2 AND commits = $3 AND NOT fenced RETURNING commits
		) SELECT 1 / count(*) FROM numbered`)
	// Whether commits of the server wait for a standby. Asked on the session of a commit
	// after its answer: PostgreSQL reloads a session's settings before it releases the
	// commits that have waited for a standby in vain.
	sqlCopied = tables.Writing(nameCopied, `SELECT current_setting('synchronous_standby_names') <> ''`)
	sqlLook   = tables.Statement("fence.look", `UPDATE fence SET fenced = false
		WHERE incarnation = $1 AND slot = $2 AND NOT fenced RETURNING commits`)
	sqlAddPending = tables.Statement("fence.pending", `UPDATE fence SET pending = pending + $3 WHERE incarnation = $1 AND slot = $2`)
	sqlPending    = tables.Statement("fence.sum", `SELECT coalesce(sum(pending), 0)::int8 FROM fence`)
	sqlFold       = tables.Statement("fence.fold", `UPDATE fence SET pending = pending + $1 WHERE incarnation = 0 AND slot = 0`)
	sqlRemove     = tables.Statement("fence.remove", `DELETE FROM fence WHERE incarnation = $1 RETURNING pending`)
)

// createSlots makes the rows of a new incarnation.
func (s *Store) createSlots(ctx context.Context) error {
	for i := range s.slots {
		s.slots[i].number = int16(i)
		if _, err := s.writes.Exec(ctx, sqlCreateFence, int64(s.incarnation), i); err != nil {
			return fmt.Errorf("register the writers of this node: %w", err)
		}
	}
	return nil
}

// removeSlots removes the rows of an incarnation, whose pending deliveries stay counted.
func removeSlots(ctx context.Context, tx pgx.Tx, incarnation int64) error {
	rows, err := tx.Query(ctx, sqlRemove, incarnation)
	if err != nil {
		return err
	}
	counts, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, n := range counts {
		sum += n
	}
	_, err = tx.Exec(ctx, sqlFold, sum)
	return err
}

// number writes the number of a transaction, as its first statement, and adds to the
// pending deliveries.
func (s *Store) number(ctx context.Context, q querier, l *slot, number, pending int64) error {
	var one int64
	return q.QueryRow(ctx, sqlNumber, int64(s.incarnation), l.number, l.last, number, pending).Scan(&one)
}

// resolve finds out what became of the transaction that a slot has sent, and reports
// whether it was committed. If not, it never will be. ErrFenced; ErrBroken if the database
// lacks what it has acknowledged. After any other error the outcome is still not known.
func (s *Store) resolve(ctx context.Context, conn *pgx.Conn, l *slot) (committed bool, err error) {
	for {
		now, err := s.look(ctx, conn, l)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return false, s.fencedOff()
		case err != nil:
			return false, err
		case now < l.last:
			return false, s.breaks(&errLost{acknowledged: l.last, found: now})
		case now > l.last: // either what was sent, or the empty transaction below
			committed = now == l.sent
			l.last, l.sent = now, 0
			return committed, nil
		}
		// It may still be on its way. An empty transaction takes its place.
		if err := s.number(ctx, conn, l, l.next(), 0); err != nil && session.KindOf(err) != session.FailedCheck {
			return false, err
		}
	}
}

// look returns the number of the last transaction of a slot that the database has. It waits
// for one that is under way, because that has locked the row.
func (s *Store) look(ctx context.Context, conn *pgx.Conn, l *slot) (now int64, err error) {
	warned := session.Warnings(conn)
	err = conn.QueryRow(ctx, sqlLook, int64(s.incarnation), l.number).Scan(&now)
	if err == nil && session.Warnings(conn) > warned {
		// Somebody cancelled the wait for the standby: only the primary may have what was sent.
		return 0, session.ErrUnknown
	}
	if err == nil {
		err = s.copied(ctx, conn)
	}
	return now, err
}

// copied returns ErrAlone if the last commit of a session did not wait for a standby, and
// Options require one. The start looks for one too, but a failover can end at a primary
// that has none, and an operator, or Patroni without its strict mode, can give it up.
func (s *Store) copied(ctx context.Context, conn *pgx.Conn) error {
	if s.options.LonePrimary {
		return nil
	}
	var waits bool
	err := conn.QueryRow(ctx, sqlCopied).Scan(&waits)
	if err == nil && !waits {
		err = session.ErrAlone
	}
	return err
}

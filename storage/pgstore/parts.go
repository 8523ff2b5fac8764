package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/columns"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// An event with more than webhook.MaxFanOut recipients is stored in parts, because the
// writes of others wait for a transaction. The first one holds the event, the deliveries
// of the first part, and a row of unfinished: from which recipient on there are no
// deliveries yet. Each of the next makes the deliveries of one part and moves the row on;
// the last one removes it. If the node dies in between, whoever fences it makes the rest,
// and so does every store that opens the database: an event goes to all its recipients, or
// it is not stored at all. Several may make the same part at once, since only one of them
// can move the row on.

const (
	nameUnfinished = "parts.begin"
	nameAdvance    = "parts.advance"
	nameFinish     = "parts.finish"
)

var (
	_ = tables.Writing(nameUnfinished, `INSERT INTO unfinished (seq, nonce, next, record)
		SELECT * FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::bytea[])`)
	_ = tables.Writing(nameAdvance, `WITH moved AS (
			UPDATE unfinished SET next = $4::int4 WHERE seq = $1::int8 AND nonce = $2::int8 AND next = $3::int4 RETURNING next
		) SELECT 1 / count(*) FROM moved`)
	_ = tables.Writing(nameFinish, `WITH moved AS (
			DELETE FROM unfinished WHERE seq = $1::int8 AND nonce = $2::int8 AND next = $3::int4 RETURNING next
		) SELECT 1 / count(*) FROM moved`)
	sqlUnfinishedEvents = tables.Statement("parts.unfinished", `SELECT seq, nonce, next FROM unfinished ORDER BY seq, nonce LIMIT 1000`)
	sqlOneUnfinished    = tables.Statement("parts.one", `SELECT record FROM unfinished WHERE seq = $1 AND nonce = $2`)
)

// part is one part of a wide event after the first.
type part struct {
	event webhook.Event            // what owe needs of it
	all   []webhook.EndpointNumber // recipients of the whole event
	from  int                      // position of the part's first recipient
	// wanted reports whether the event was stored; nil if that is known.
	wanted func() bool
}

// end returns the position after the part's last recipient.
func (p *part) end() int { return min(p.from+webhook.MaxFanOut, len(p.all)) }

// step returns the statement that moves the row of unfinished on.
func (p *part) step() groupStep {
	k := tables.KeyOf(p.event.ID)
	s := groupStep{name: nameFinish, params: [][]byte{columns.Of(k.Seq), columns.Of(k.Nonce), columns.Of4(int32(p.from))}, want: -1, part: p}
	if p.end() < len(p.all) {
		s.name, s.params = nameAdvance, append(s.params, columns.Of4(int32(p.end())))
	}
	return s
}

// addPart adds the deliveries of a part.
func (g *group) addPart(j *job) {
	g.parts = append(g.parts, j.part)
	g.owe(&j.part.event, j.part.all[j.part.from:j.part.end()])
}

// partsOf returns the parts of an event from a position on.
func partsOf(e *webhook.Event, all []webhook.EndpointNumber, from int) (parts []*part) {
	for ; from < len(all); from += webhook.MaxFanOut {
		parts = append(parts, &part{event: *e, all: all, from: from})
	}
	return parts
}

// later returns the jobs that make the deliveries of later parts.
func (a *acceptance) later() (jobs []*job) {
	for i := range a.events {
		if width(&a.events[i]) <= webhook.MaxFanOut {
			continue
		}
		for _, p := range partsOf(&a.events[i], a.events[i].Recipients(), webhook.MaxFanOut) {
			p.wanted = func() bool { return a.stored(i) }
			jobs = append(jobs, &job{part: p})
		}
	}
	return jobs
}

// stored reports whether the first job has stored an event, rather than refused it or
// found it under its idempotency key.
func (a *acceptance) stored(i int) bool {
	r := &a.receipts[i]
	return r.EventID == a.events[i].ID && !r.Duplicate && r.Err == nil
}

// inTurn makes the last job answer for all, and any failure at once.
func inTurn(first *job, later []*job, finish func(error)) []*job {
	jobs := append([]*job{first}, later...)
	last := len(jobs) - 1
	for _, j := range jobs[:last] {
		j.Done = func(err error) {
			if err != nil {
				finish(err)
			}
		}
	}
	jobs[last].Done = finish
	for _, j := range jobs[1:] {
		j.After, j.first = &first.Ticket, first
	}
	return jobs
}

// encodeWide returns the record of a wide event: all its recipients, and which of these
// get none.
func encodeWide(e *webhook.Event, all []webhook.EndpointNumber) []byte {
	dst := make([]byte, 0, 2*len(all)+16)
	for _, list := range [][]webhook.EndpointNumber{all, e.Disabled, e.Limited} {
		dst = record.AppendNumbers(dst, list)
	}
	return dst
}

// decodeWide reads what encodeWide wrote.
func decodeWide(id webhook.ID, raw []byte) (e webhook.Event, all []webhook.EndpointNumber, err error) {
	e.ID = id
	for _, list := range []*[]webhook.EndpointNumber{&all, &e.Disabled, &e.Limited} {
		if err == nil {
			*list, raw, err = record.CutNumbers(raw)
		}
	}
	return e, all, err
}

// finishParts makes the deliveries that a crash prevented.
func (s *Store) finishParts(ctx context.Context) error {
	type row struct{ Seq, Nonce, Next int64 }
	var rows []row
	err := s.view(ctx, "look for unfinished events", func(ctx context.Context, q querier) error {
		found, err := q.Query(ctx, sqlUnfinishedEvents)
		if err == nil {
			rows, err = pgx.CollectRows(found, pgx.RowToStructByPos[row])
		}
		return err
	})
	for _, r := range rows {
		if err != nil {
			break
		}
		id := tables.Key{Seq: r.Seq, Nonce: r.Nonce}.ID()
		if err = s.finishEvent(ctx, id, int(r.Next)); err != nil {
			err = fmt.Errorf("finish event %s: %w", webhook.EventID.Format(id), err)
		}
	}
	return err
}

// finishEvent makes the deliveries of an event's parts from a position on.
func (s *Store) finishEvent(ctx context.Context, id webhook.ID, from int) error {
	var raw []byte
	k := tables.KeyOf(id)
	err := s.view(ctx, "read its recipients", func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, sqlOneUnfinished, k.Seq, k.Nonce).Scan(&raw)
	})
	if errors.Is(err, webhook.ErrNotFound) { // somebody else has finished it
		return nil
	}
	if err != nil {
		return err
	}
	e, all, err := decodeWide(id, raw)
	if err != nil {
		return err
	}
	for _, p := range partsOf(&e, all, from) {
		if err := s.committer.Do(ctx, &job{part: p}); err != nil {
			return err
		}
	}
	return nil
}

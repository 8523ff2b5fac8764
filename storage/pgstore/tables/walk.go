package tables

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// lookUpAtOnce is how many deliveries a walk through events looks up in one round trip.
const lookUpAtOnce = 200

var eventsBefore = ForTables("list.events", `SELECT seq, nonce, head FROM TABLE
	WHERE seq <= $1 AND seq >= $2 ORDER BY seq DESC, nonce DESC LIMIT $3`, EventTables...)

// EventHead is an event without its data.
type EventHead struct {
	ID   webhook.ID
	Head []byte
}

// walkEvents lists the deliveries of all clients: for each event, newest first, those of
// its recipients. That way nobody has to keep one list of all deliveries. Nodes number
// their events by themselves, so that several can have one Seq: these count as one place
// of the list, in which deliveries are in order of endpoint.
func (l *lister) walkEvents(ctx context.Context) error {
	seq := l.until - 1
	if l.q.Before != (webhook.ID{}) {
		seq = min(seq, l.q.Before.Seq)
	}
	for size := l.q.Limit + 1; ; size *= 2 {
		events, rest, err := l.eventsFrom(ctx, seq, size)
		if err != nil {
			return err
		}
		steps, err := l.steps(events)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(steps, max(l.q.Limit, lookUpAtOnce)) {
			if more, err := l.lookUp(ctx, some); err != nil || !more {
				return err
			}
		}
		if rest == 0 {
			return nil
		}
		seq = rest
	}
}

// eventsFrom returns the events with Seqs from seq down, in descending order: about size of
// them, and of each Seq all or none. rest is the Seq to continue with; 0 at the end.
func (l *lister) eventsFrom(ctx context.Context, seq uint64, size int) (events []EventHead, rest uint64, err error) {
	batch, floor := &pgx.Batch{}, uint64(0)
	for _, t := range EventTables {
		batch.Queue(eventsBefore[t], int64(min(seq, maxSeq)), int64(l.since), size).Query(func(rows pgx.Rows) error {
			var k Key
			count := 0
			for rows.Next() {
				e := EventHead{}
				if err := rows.Scan(&k.Seq, &k.Nonce, &e.Head); err != nil {
					return err
				}
				e.ID, count = k.ID(), count+1
				events = append(events, e)
			}
			// More of the last Seq may follow, so that the chunk ends above it.
			if count == size {
				floor = max(floor, uint64(k.Seq)+1)
			}
			return rows.Err()
		})
	}
	if err := l.tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, 0, err
	}
	if floor > seq { // all of the chunk has one Seq
		return l.eventsFrom(ctx, seq, 4*size)
	}
	events = slices.DeleteFunc(events, func(e EventHead) bool { return e.ID.Seq < floor })
	slices.SortFunc(events, func(a, b EventHead) int { return b.ID.Compare(a.ID) })
	return events, max(floor, 1) - 1, nil
}

// step is one step of a walk through events: a delivery that there may be, or, without
// endpoint, the end of all deliveries of one Seq.
type step struct {
	id      webhook.ID
	skipped int // events of other types with that Seq
}

// steps returns the steps through the deliveries of some events, newest first.
func (l *lister) steps(events []EventHead) (out []step, err error) {
	for _, e := range events {
		name, err := record.DecodeTypeOfEvent(e.Head)
		if err != nil {
			return nil, err
		}
		end := step{id: webhook.ID{Seq: e.ID.Seq}}
		if l.q.EventType != "" && l.q.EventType != name {
			end.skipped = 1
		} else if out, err = l.appendRecipients(out, e); err != nil {
			return nil, err
		}
		out = append(out, end)
	}
	slices.SortStableFunc(out, func(a, b step) int { return b.id.Compare(a.id) })
	return out, nil
}

// appendRecipients appends the steps of an event that the page can have.
func (l *lister) appendRecipients(out []step, e EventHead) ([]step, error) {
	endpoints, err := record.DecodeRecipients(e.Head)
	for _, n := range endpoints {
		if id := e.ID.For(n); l.q.Before == (webhook.ID{}) || id.Compare(l.q.Before) < 0 {
			out = append(out, step{id: id})
		}
	}
	return out, err
}

// lookUp takes those of some deliveries that are stored, in the order given, and reports
// whether the page continues.
func (l *lister) lookUp(ctx context.Context, steps []step) (bool, error) {
	ids := make([]webhook.ID, 0, len(steps))
	for _, st := range steps {
		if st.id.Endpoint != 0 {
			ids = append(ids, st.id)
		}
	}
	found, err := l.FindAll(ctx, l.tx, tablesFor(l.q.Status), ids)
	if err == nil && l.q.Code != "" {
		err = l.addLatest(ctx, found)
	}
	if err != nil {
		return false, err
	}
	for _, st := range steps {
		d, there := found[st.id]
		switch {
		case there:
			if d.EventType == "" { // it was compared with that of the event
				d.EventType = l.q.EventType
			}
			if !l.take(&d) {
				return false, nil
			}
			continue
		case st.id.Endpoint != 0: // expired, or of another status
			l.allowance--
		default:
			l.allowance -= st.skipped
		}
		if !l.continues(st.id) {
			return false, nil
		}
	}
	return true, nil
}

// addLatest completes deliveries that were found with their latest attempt.
func (l *lister) addLatest(ctx context.Context, found map[webhook.ID]webhook.Delivery) error {
	list := slices.Collect(maps.Values(found))
	if err := ReadLatest(ctx, l.tx, list); err != nil {
		return err
	}
	for _, d := range list {
		found[d.ID] = d
	}
	return nil
}

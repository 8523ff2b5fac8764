package tables

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var eventsWithSizes = ForTables("list.eventSizes", `SELECT seq, nonce, head, octet_length(data) FROM TABLE
	WHERE seq <= $1 AND (seq, nonce) <= ($1, $2) AND seq >= $3 ORDER BY seq DESC, nonce DESC LIMIT $4`, EventTables...)

// bytesPerLook is how large the head of an event may be for each look that it counts as.
const bytesPerLook = 16 << 10

// ListEvents returns one page of events, newest first.
func ListEvents(ctx context.Context, tx pgx.Tx, q webhook.EventQuery) (webhook.EventPage, error) {
	var page webhook.EventPage
	since, until := storage.SeqsOf(q.Since, q.Until)
	from, more := storage.ListStart(0, min(until, maxSeq), q.Before)
	if !more || since >= until {
		return page, nil
	}
	var theirs []webhook.EndpointNumber
	if q.ClientID != "" {
		var err error
		if theirs, err = readNumbers(ctx, tx, numbersOfClient, NameOf(q.ClientID)); err != nil {
			return page, err
		}
	}
	allowance := 10*q.Limit + 1000
	for size := q.Limit + 1; more; size = min(2*size, max(q.Limit+1, maxChunk)) {
		events, err := sizedEvents(ctx, tx, from, since, size)
		if err != nil {
			return page, err
		}
		for i := range events {
			e := &events[i]
			allowance -= e.looks
			if shown, selected := q.Selects(&e.Event, e.size, theirs); selected {
				page.Events = append(page.Events, shown)
			}
			if allowance <= 0 || len(page.Events) == q.Limit {
				page.Next = e.ID
				return page, nil
			}
		}
		if more = len(events) == size; more {
			from, more = storage.PreviousID(events[size-1].ID)
		}
	}
	return page, nil
}

// sizedEvent is an event without its data.
type sizedEvent struct {
	webhook.Event
	size  int // of its data
	looks int // that it counts as
}

// sizedEvents returns up to size events from an ID down to a Seq, newest first.
func sizedEvents(ctx context.Context, tx pgx.Tx, from webhook.ID, since uint64, size int) (out []sizedEvent, err error) {
	batch, k := &pgx.Batch{}, KeyOf(from)
	for _, t := range EventTables {
		batch.Queue(eventsWithSizes[t], k.Seq, k.Nonce, int64(min(since, maxSeq)), size).Query(func(rows pgx.Rows) error {
			defer rows.Close()
			for rows.Next() {
				var head []byte
				var e sizedEvent
				var at Key
				err := rows.Scan(&at.Seq, &at.Nonce, &head, &e.size)
				if err == nil {
					e.Event, _, err = record.DecodeEventHead(at.ID(), head)
				}
				if err != nil {
					return err
				}
				e.looks = 1 + len(head)/bytesPerLook
				out = append(out, e)
			}
			return rows.Err()
		})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	// What is among the newest of all is among the newest of its table.
	slices.SortFunc(out, func(a, b sizedEvent) int { return b.ID.Compare(a.ID) })
	return out[:min(size, len(out))], nil
}

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
	from, some := storage.ListStart(0, min(until, maxSeq), q.Before)
	if !some || since >= until {
		return page, nil
	}
	var theirs []webhook.EndpointNumber
	if q.ClientID != "" {
		var err error
		if theirs, err = readNumbers(ctx, tx, numbersOfClient, NameOf(q.ClientID)); err != nil {
			return page, err
		}
	}
	var err error
	page.Next, err = eventsDown(ctx, tx, from, since, q.Limit, nil, func(e *sizedEvent) (full bool) {
		if shown, selected := q.Selects(&e.Event, e.size, theirs); selected {
			page.Events = append(page.Events, shown)
		}
		return len(page.Events) == q.Limit
	})
	return page, err
}

// eventsDown calls take for each event from an ID down to a Seq, newest first, until take
// reports that the page is full or webhook.MaxLooks are used up. It returns the ID behind
// which the next page continues; zero at the end. Events are read in chunks, for each of
// which look, unless nil, is called first.
func eventsDown(
	ctx context.Context, tx pgx.Tx, from webhook.ID, since uint64, limit int,
	look func([]sizedEvent) error, take func(*sizedEvent) (full bool),
) (next webhook.ID, err error) {
	allowance := webhook.MaxLooks(limit)
	for size, more := limit+1, true; more; size = min(2*size, max(limit+1, maxChunk)) {
		events, err := sizedEvents(ctx, tx, from, since, size)
		if err == nil && look != nil {
			err = look(events)
		}
		if err != nil {
			return next, err
		}
		for i := range events {
			allowance -= events[i].looks
			if take(&events[i]) || allowance <= 0 {
				return events[i].ID, nil
			}
		}
		if more = len(events) == size; more {
			from, more = storage.PreviousID(events[size-1].ID)
		}
	}
	return next, nil
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

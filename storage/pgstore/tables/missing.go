package tables

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// join replaces the recipients of an event, unless another transaction has changed them
// since they were read.
var join = ForTables("job.join", `UPDATE TABLE SET head = $4 WHERE seq = $1 AND nonce = $2 AND head = $3`, EventTables...)

// MakeMissing adds to m the deliveries of those of some events that an endpoint was never
// sent, and makes the endpoint a recipient of these events. ErrConflict if another
// transaction changes the recipients at the same time.
func (f Finder) MakeMissing(ctx context.Context, tx pgx.Tx, n webhook.EndpointNumber, events []webhook.ID, m *Relocation) (made int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	ids := make([]webhook.ID, len(events))
	for i, id := range events {
		ids[i] = id.For(n)
	}
	withheld, err := f.LockAll(ctx, tx, []Table{DoneTable}, ids)
	if err != nil {
		return 0, err
	}
	heads, err := ReadHeads(ctx, tx, events)
	if err != nil {
		return 0, err
	}
	oldest, changed := bulk.Oldest(f.now(), f.retention), map[webhook.ID][]byte{}
	for _, id := range ids {
		head, there := heads[id.Event()]
		was, has := withheld[id]
		switch {
		case !there:
		case has && bulk.Withheld(&was):
			now := was.Requeue()
			m.Move(&was, &now)
			made++
		case !has && !id.Time().Before(oldest):
			now, joined, err := withRecipient(id, head)
			if err != nil {
				return 0, err
			}
			if joined {
				changed[id.Event()] = now
				m.Add(id)
				made++
			}
		}
	}
	return made, joinAll(ctx, tx, events, heads, changed)
}

// withRecipient returns the head of an event with one more recipient; false if the event
// has it already.
func withRecipient(id webhook.ID, head []byte) ([]byte, bool, error) {
	e, err := record.DecodeEvent(id, head)
	if err != nil {
		return nil, false, err
	}
	at, there := slices.BinarySearch(e.Endpoints, id.Endpoint)
	if there {
		return nil, false, nil
	}
	return record.EncodeEvent(&e, slices.Insert(e.Endpoints, at, id.Endpoint)), true, nil
}

// joinAll writes the heads of events that have one more recipient, in the order of events.
func joinAll(ctx context.Context, tx pgx.Tx, events []webhook.ID, was, now map[webhook.ID][]byte) error {
	batch, found := &pgx.Batch{}, 0
	for _, id := range events {
		if now[id] == nil {
			continue
		}
		for _, t := range EventTables {
			k := KeyOf(id)
			batch.Queue(join[t], k.Seq, k.Nonce, was[id], now[id]).Exec(countRows(&found))
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if found < len(now) {
		return webhook.ErrConflict
	}
	return nil
}

// MissingEvents returns events that an endpoint was never sent, newest first. A page looks
// at no more than 10 × limit + 1,000 events, of which one counts as several if it has many
// recipients.
func (f Finder) MissingEvents(ctx context.Context, tx pgx.Tx, q bulk.MissingQuery) (page bulk.MissingPage, err error) {
	since, until := storage.SeqsOf(q.Since, q.Until)
	since = max(since, webhook.SeqAt(bulk.Oldest(f.now(), f.retention)))
	from, some := storage.ListStart(0, min(until, maxSeq), q.Before)
	if !some || since >= until {
		return page, nil
	}
	var had map[webhook.ID]bool
	page.Next, err = eventsDown(ctx, tx, from, since, q.Limit, func(events []sizedEvent) (err error) {
		had, err = f.ofEndpoint(ctx, tx, q.Endpoint, events)
		return err
	}, func(e *sizedEvent) (full bool) {
		page.Looked++
		if q.Wants(e.Type, e.ClientID) && !had[e.ID] {
			page.Events = append(page.Events, bulk.MissingEvent{
				ID: e.ID, Type: e.Type, ClientID: e.ClientID, Size: int64(e.size), Record: int64(e.looks) * bytesPerLook / 2,
			})
		}
		return len(page.Events) == q.Limit
	})
	return page, err
}

// ofEndpoint returns those of some events that an endpoint was sent.
func (f Finder) ofEndpoint(ctx context.Context, tx pgx.Tx, n webhook.EndpointNumber, events []sizedEvent) (map[webhook.ID]bool, error) {
	had, ids := map[webhook.ID]bool{}, []webhook.ID(nil)
	for i := range events {
		if _, there := slices.BinarySearch(events[i].Endpoints, n); there {
			had[events[i].ID] = true
			ids = append(ids, events[i].ID.For(n))
		}
	}
	if len(ids) == 0 {
		return had, nil
	}
	found, err := f.FindAll(ctx, tx, []Table{DoneTable}, ids)
	for id, d := range found {
		had[id.Event()] = !bulk.Withheld(&d)
	}
	return had, err
}

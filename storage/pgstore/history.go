package pgstore

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var (
	wholeEvent = tables.ForTables("event", `SELECT head, data FROM TABLE WHERE seq = $1 AND nonce = $2`, tables.EventTables...)
	attemptsOf = tables.Statement("attempts", `SELECT slot, record FROM attempt WHERE part = $1 AND endpoint = $2 AND seq = $3 AND nonce = $4`)
)

// Event returns an event with its data; its Endpoints are all that it has a delivery for.
// ErrNotFound.
func (s *Store) Event(ctx context.Context, id webhook.ID) (webhook.Event, error) {
	return snapshot(ctx, s, "read event", func(ctx context.Context, tx pgx.Tx) (webhook.Event, error) {
		return readEvent(ctx, tx, id)
	})
}

// readEvent returns an event with its data; ErrNotFound.
func readEvent(ctx context.Context, tx pgx.Tx, id webhook.ID) (webhook.Event, error) {
	k := tables.KeyOf(id)
	for _, t := range tables.EventTables {
		var head, data []byte
		err := tx.QueryRow(ctx, wholeEvent[t], k.Seq, k.Nonce).Scan(&head, &data)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return webhook.Event{}, err
		}
		return record.DecodeEvent(id.Event(), append(head, data...))
	}
	return webhook.Event{}, webhook.ErrNotFound
}

// Delivery returns a delivery with all the attempts that are kept; ErrNotFound.
func (s *Store) Delivery(ctx context.Context, id webhook.ID) (webhook.Delivery, error) {
	return snapshot(ctx, s, "read delivery", func(ctx context.Context, tx pgx.Tx) (webhook.Delivery, error) {
		d, err := s.finder.Find(ctx, tx, id, tables.Reading)
		if err == nil {
			err = readLog(ctx, tx, &d)
		}
		return d, err
	})
}

// EventDeliveries returns up to limit deliveries of an event in order of endpoint,
// starting with the number from, each with its latest attempt, shortened. ErrNotFound if
// the event is not stored.
func (s *Store) EventDeliveries(
	ctx context.Context, id webhook.ID, from webhook.EndpointNumber, limit int,
) ([]webhook.Delivery, error) {
	return snapshot(ctx, s, "read deliveries of event", func(ctx context.Context, tx pgx.Tx) (out []webhook.Delivery, err error) {
		endpoints, err := readRecipients(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		// Recipients ascend, so that a page starts without reading those before it.
		start, _ := slices.BinarySearch(endpoints, from)
		for some := range slices.Chunk(endpoints[start:], max(limit, 1)) {
			if out, err = s.appendDeliveries(ctx, tx, out, id, some); err != nil || len(out) >= limit {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		out = out[:min(limit, len(out))]
		return out, complete(ctx, tx, out)
	})
}

// readRecipients returns the endpoints that an event has a delivery for, ascending;
// ErrNotFound.
func readRecipients(ctx context.Context, tx pgx.Tx, id webhook.ID) ([]webhook.EndpointNumber, error) {
	heads, err := tables.ReadHeads(ctx, tx, []webhook.ID{id.Event()})
	if err != nil {
		return nil, err
	}
	head, there := heads[id.Event()]
	if !there {
		return nil, webhook.ErrNotFound
	}
	return record.DecodeRecipients(head)
}

// appendDeliveries appends the deliveries of an event to some endpoints, in their order.
// Those that have expired are left out.
func (s *Store) appendDeliveries(
	ctx context.Context, tx pgx.Tx, out []webhook.Delivery, id webhook.ID, endpoints []webhook.EndpointNumber,
) ([]webhook.Delivery, error) {
	ids := make([]webhook.ID, len(endpoints))
	for i, n := range endpoints {
		ids[i] = id.For(n)
	}
	found, err := s.finder.FindAll(ctx, tx, tables.DeliveryTables, ids)
	for _, id := range ids {
		if d, there := found[id]; there {
			out = append(out, d)
		}
	}
	return out, err
}

// complete makes of deliveries as they are stored what lists show: with their type and
// their latest attempt, shortened.
func complete(ctx context.Context, tx pgx.Tx, list []webhook.Delivery) error {
	if err := errors.Join(tables.EventTypes(ctx, tx, list), tables.ReadLatest(ctx, tx, list)); err != nil {
		return err
	}
	for i := range list {
		list[i] = list[i].Listed()
	}
	return nil
}

// readLog adds the attempts in the log of a delivery to the one in its own record.
func readLog(ctx context.Context, tx pgx.Tx, d *webhook.Delivery) error {
	if d.Attempts == 0 {
		return nil
	}
	k := tables.KeyOf(d.ID)
	rows, err := tx.Query(ctx, attemptsOf, k.Part, k.Endpoint, k.Seq, k.Nonce)
	if err != nil {
		return err
	}
	var slot int16
	var raw []byte
	var attempts []webhook.Attempt
	var bodies []record.Body
	_, err = pgx.ForEachRow(rows, []any{&slot, &raw}, func() error {
		if slot >= tables.FirstBodySlot {
			b, err := record.DecodeBody(slices.Clone(raw))
			bodies = append(bodies, b)
			return err
		}
		a, err := record.DecodeAttempt(raw)
		attempts = append(attempts, a)
		return err
	})
	record.JoinLog(d, attempts, bodies)
	return err
}

// ListDeliveries returns deliveries newest first. For one endpoint it merges the tables
// that have the wanted status; for a client, those of all its endpoints, which costs one
// look into an index for each; for all clients, it walks the events in order of time. A
// page looks at no more than 10 × limit + 1,000 rows that it does not return: then it ends
// early, so that no filter makes a request expensive.
func (s *Store) ListDeliveries(ctx context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error) {
	return snapshot(ctx, s, "list deliveries", func(ctx context.Context, tx pgx.Tx) (webhook.DeliveryPage, error) {
		page, err := s.finder.ListPage(ctx, tx, q, tables.ScansOf(q.Status))
		if err != nil {
			return webhook.DeliveryPage{}, err
		}
		// Only what is shown is completed: look-ups for what is passed over would be most of
		// the cost of a filter.
		return page, complete(ctx, tx, page.Deliveries)
	})
}

// ListEvents returns events newest first. A page looks at no more than 10 × limit + 1,000
// events, of which one counts as several if it has very many recipients.
func (s *Store) ListEvents(ctx context.Context, q webhook.EventQuery) (webhook.EventPage, error) {
	return snapshot(ctx, s, "list events", func(ctx context.Context, tx pgx.Tx) (webhook.EventPage, error) {
		return tables.ListEvents(ctx, tx, q)
	})
}

// existing returns those of the events of some deliveries that are stored.
func existing(ctx context.Context, tx pgx.Tx, ids []webhook.ID) (map[webhook.ID]struct{}, error) {
	there, keys, batch := make(map[webhook.ID]struct{}, len(ids)), tables.KeysOf(ids), &pgx.Batch{}
	for _, t := range tables.EventTables {
		batch.Queue(eventsThere[t], keys.Seqs, keys.Nonces).Query(func(rows pgx.Rows) error {
			var k tables.Key
			_, err := pgx.ForEachRow(rows, []any{&k.Seq, &k.Nonce}, func() error {
				there[k.ID()] = struct{}{}
				return nil
			})
			return err
		})
	}
	return there, tx.SendBatch(ctx, batch).Close()
}

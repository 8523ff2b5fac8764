package tables

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// EventTypes completes the deliveries that have no type of their own: it is their event's.
func EventTypes(ctx context.Context, tx pgx.Tx, list []webhook.Delivery) error {
	var ids []webhook.ID
	for i := range list {
		if list[i].EventType == "" {
			ids = append(ids, list[i].ID.Event())
		}
	}
	if len(ids) == 0 {
		return nil
	}
	heads, err := ReadHeads(ctx, tx, ids)
	for i := range list {
		head, there := heads[list[i].ID.Event()]
		if err == nil && there && list[i].EventType == "" {
			list[i].EventType, err = record.DecodeTypeOfEvent(head)
		}
	}
	return err
}

// EventTables are where an event can be: in its day, or kept beyond it.
var EventTables = []string{"event", "event_kept"}

// ReadHeads returns the heads of those of some events that are stored.
func ReadHeads(ctx context.Context, tx pgx.Tx, events []webhook.ID) (map[webhook.ID][]byte, error) {
	heads, keys, batch := make(map[webhook.ID][]byte, len(events)), KeysOf(events), &pgx.Batch{}
	for _, t := range EventTables {
		batch.Queue(headsOf[t], keys.Seqs, keys.Nonces).Query(func(rows pgx.Rows) error {
			var k Key
			var head []byte
			_, err := pgx.ForEachRow(rows, []any{&k.Seq, &k.Nonce, &head}, func() error {
				heads[k.ID()] = head
				head = nil
				return nil
			})
			return err
		})
	}
	return heads, tx.SendBatch(ctx, batch).Close()
}

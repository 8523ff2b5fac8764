package tables

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var latestAttempts = Statement("latestAttempts", `SELECT a.endpoint, a.seq, a.nonce, a.record
	FROM unnest($1::int2[], $2::int4[], $3::int8[], $4::int8[], $5::int2[]) AS k(part, endpoint, seq, nonce, slot)
	JOIN attempt a ON a.part = k.part AND a.endpoint = k.endpoint AND a.seq = k.seq AND a.nonce = k.nonce AND a.slot = k.slot`)

// ReadLatest adds the latest attempt to those deliveries whose record has none: to those
// that are pending, and were attempted before.
func ReadLatest(ctx context.Context, tx pgx.Tx, list []webhook.Delivery) error {
	var ids []webhook.ID
	var slots []int16
	at := map[webhook.ID]int{}
	for i := range list {
		if d := &list[i]; d.Attempts > 0 && len(d.AttemptLog) == 0 {
			ids, slots, at[d.ID] = append(ids, d.ID), append(slots, SlotOf(d.Attempts)), i
		}
	}
	if len(ids) == 0 {
		return nil
	}
	keys := KeysOf(ids)
	rows, err := tx.Query(ctx, latestAttempts,
		keys.Parts, keys.Endpoints, keys.Seqs, keys.Nonces, slots)
	if err != nil {
		return err
	}
	var k Key
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&k.Endpoint, &k.Seq, &k.Nonce, &raw}, func() error {
		a, err := record.DecodeAttempt(raw)
		if d := &list[at[k.ID()]]; err == nil && a.Number == d.Attempts { // else the slot holds an older one
			d.AttemptLog = []webhook.Attempt{a}
		}
		return err
	})
	return err
}

package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// fetch returns what read returns; action says what for, in the error. It is for reads of
// one statement. read may run twice.
func fetch[T any](ctx context.Context, s *Store, action string, read func(ctx context.Context, q querier) (T, error)) (out T, err error) {
	err = s.view(ctx, action, func(ctx context.Context, q querier) error {
		out, err = read(ctx, q)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return out, nil
}

// snapshot is fetch for reads of several statements, which all see the same moment: a
// delivery that moves from one table to another meanwhile is in one of them.
func snapshot[T any](ctx context.Context, s *Store, action string, read func(ctx context.Context, tx pgx.Tx) (T, error)) (T, error) {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return fetch(ctx, s, action, func(ctx context.Context, _ querier) (out T, err error) {
		err = pgx.BeginTxFunc(ctx, s.reads, options, func(tx pgx.Tx) error {
			out, err = read(ctx, tx)
			return err
		})
		return out, err
	})
}

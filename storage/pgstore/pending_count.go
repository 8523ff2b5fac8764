package pgstore

import (
	"context"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/webhook"
)

// countPatience is for how long Open waits for the first count, so that small databases
// have exact counts from the start.
const countPatience = 200 * time.Millisecond

// The pending deliveries of each endpoint are counted once after Open and, while there are
// other nodes, again and again, because a node does not see what others accept and settle.
// The pauses are much longer than the counting.
const (
	countPause = 10 * time.Second
	// countShare is by how much longer the pause is than the count at least.
	countShare = 20
)

var sqlCountAll = forTables("count.all", `SELECT endpoint, count(*) FROM TABLE WHERE part = $1 GROUP BY endpoint`, pendingTables...)

// countPending counts in one snapshot. What this node commits meanwhile is added.
func (s *Store) countPending(ctx context.Context) error {
	s.counts.beginCount()
	found := map[webhook.EndpointNumber]int64{}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.reads, options, func(tx pgx.Tx) error {
		batch := &pgx.Batch{}
		for part := range webhook.PartCount {
			for _, t := range pendingTables {
				batch.Queue(sqlCountAll[t], int16(part)).Query(func(rows pgx.Rows) error {
					var endpoint int32
					var count int64
					_, err := pgx.ForEachRow(rows, []any{&endpoint, &count}, func() error {
						found[webhook.EndpointNumber(endpoint)] += count
						return nil
					})
					return err
				})
			}
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return err
	}
	s.counts.endCount(found)
	return nil
}

// keepCounting counts until ctx ends. counted is closed after the first count.
func (s *Store) keepCounting(ctx context.Context, counted chan<- struct{}) {
	for first := true; ; {
		began := time.Now()
		if first || s.counts.shared.Load() {
			if err := s.countPending(ctx); err == nil && first {
				close(counted)
				first = false
			}
		}
		pause := time.NewTimer(max(countPause, countShare*time.Since(began)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
}

// beginCount begins to note what is committed during a count.
func (c *counts) beginCount() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.during = map[webhook.EndpointNumber]int64{}
}

// endCount takes over what a count has found.
func (c *counts) endCount(found map[webhook.EndpointNumber]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, by := range c.during {
		found[n] += by
	}
	maps.DeleteFunc(found, func(_ webhook.EndpointNumber, count int64) bool { return count == 0 })
	c.byEndpoint, c.during = found, nil
}

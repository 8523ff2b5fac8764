package pgstore

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// counts are the numbers that are kept in memory. The total is exact: each transaction
// adds to the column pending of its row in fence, and whoever opens the store reads their
// sum. What other nodes have added since arrives with the heartbeat.
type counts struct {
	own     atomic.Int64  // what this incarnation has added
	others  atomic.Int64  // the sum of all others' when it was read last
	lastSeq atomic.Uint64 // of any ID that was stored or seen

	mu         sync.Mutex
	byEndpoint map[webhook.EndpointNumber]int64 // pending, since the last count
	during     map[webhook.EndpointNumber]int64 // the same since a count began that is under way; else nil

	shared atomic.Bool // other nodes write, too
}

func newCounts() *counts { return &counts{byEndpoint: map[webhook.EndpointNumber]int64{}} }

// apply counts what a transaction did.
func (c *counts) apply(moves []tables.Move) {
	if len(moves) == 0 {
		return
	}
	c.own.Add(tables.PendingOf(moves))
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range moves {
		c.addLocked(moves[i].ID.Endpoint, int64(moves[i].Queued)+int64(moves[i].Retrying))
	}
}

// addLocked keeps no zeros: the map is as large as the number of busy endpoints.
func (c *counts) addLocked(n webhook.EndpointNumber, by int64) {
	if by == 0 {
		return
	}
	if c.byEndpoint[n] += by; c.byEndpoint[n] == 0 {
		delete(c.byEndpoint, n)
	}
	if c.during != nil {
		c.during[n] += by
	}
}

// saw raises the largest Seq.
func (c *counts) saw(seq uint64) {
	for last := c.lastSeq.Load(); seq > last && !c.lastSeq.CompareAndSwap(last, seq); {
		last = c.lastSeq.Load()
	}
}

// sawSeq notes the Seq of an ID that was stored.
func (s *Store) sawSeq(seq uint64) { s.counts.saw(seq) }

// applied updates what is kept in memory by committed moves, before anybody is told.
func (s *Store) applied(moves []tables.Move) {
	s.counts.apply(moves)
	s.heads.Apply(moves)
}

// LastSeq returns the largest Seq of any ID stored.
func (s *Store) LastSeq() uint64 { return s.counts.lastSeq.Load() }

// Pending returns how many deliveries of all endpoints are queued or retrying. What other
// nodes do arrives with the next heartbeat.
func (s *Store) Pending() int64 { return max(s.counts.own.Load()+s.counts.others.Load(), 0) }

// PendingOf returns the same for some endpoints. After Open it rises to the true figure
// while the count runs.
func (s *Store) PendingOf(endpoints []webhook.EndpointNumber) (sum int64) {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	for _, n := range endpoints {
		sum += max(s.counts.byEndpoint[n], 0)
	}
	return sum
}

var (
	// The condition names the column that event is distributed by: since PostgreSQL 17 the plan
	// of max has none by itself.
	sqlLastEvent = tables.Statement("event.last", `SELECT coalesce(max(seq), 0) FROM event WHERE seq > 0`)
	sqlLastSeq   = tables.Statement("registry.last", `SELECT last_seq FROM registry`)
)

// resume reads the numbers that the store continues from.
func (s *Store) resume(ctx context.Context) error {
	for _, sql := range []string{sqlLastEvent, sqlLastSeq} {
		var seq int64
		if err := s.reads.QueryRow(ctx, sql).Scan(&seq); err != nil {
			return fmt.Errorf("read the latest ID: %w", err)
		}
		s.counts.saw(uint64(seq))
	}
	var pending int64
	if err := s.reads.QueryRow(ctx, sqlPending).Scan(&pending); err != nil {
		return fmt.Errorf("read the number of pending deliveries: %w", err)
	}
	s.counts.others.Store(pending)
	return nil
}

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

var sqlCountAll = tables.ForTables("count.all", `SELECT endpoint, count(*) FROM TABLE WHERE part = $1 GROUP BY endpoint`, pendingTables...)

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

// Long bodies are what makes attempts so long that PostgreSQL moves them to tables of their
// own, whose size is at hand. Space that is free again in these counts as long as it is
// theirs, and on Citus nothing is counted.
var sqlBodies = tables.Statement("count.bodies", `SELECT coalesce(sum(pg_total_relation_size(c.reltoastrelid)), 0)::int8
	FROM pg_partition_tree('attempt') AS t JOIN pg_class AS c ON c.oid = t.relid WHERE c.reltoastrelid <> 0`)

// weighBodies sets in the budget how many bytes the bodies of all nodes take on disk, and
// returns it. After an error the last figure stands.
func (s *Store) weighBodies(ctx context.Context) (bytes int64, err error) {
	if err = s.reads.QueryRow(ctx, sqlBodies).Scan(&bytes); err == nil {
		s.bodies.Kept(bytes)
	}
	return bytes, err
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
		_, _ = s.weighBodies(ctx) // the next round weighs again
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

var (
	saveFigures   = tables.Statement("figures.save", `INSERT INTO figures (name, record) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET record = $2`)
	removeFigures = tables.Statement("figures.remove", `DELETE FROM figures WHERE name = $1`)
	readFigures   = tables.Statement("figures.read", `SELECT name, record FROM figures WHERE name >= $1 ORDER BY name`)
)

// SaveFigures stores what a server has counted; an empty value removes it.
func (s *Store) SaveFigures(ctx context.Context, name string, value []byte) error {
	return s.change(ctx, "save figures", func(ctx context.Context, tx *transaction) (err error) {
		if len(value) == 0 {
			_, err = tx.Exec(ctx, removeFigures, tables.NameOf(name))
		} else {
			_, err = tx.Exec(ctx, saveFigures, tables.NameOf(name), value)
		}
		return err
	})
}

// Figures returns what servers have counted under names with a prefix.
func (s *Store) Figures(ctx context.Context, prefix string) (map[string][]byte, error) {
	return fetch(ctx, s, "read figures", func(ctx context.Context, q querier) (map[string][]byte, error) {
		rows, err := q.Query(ctx, readFigures, tables.NameOf(prefix))
		if err != nil {
			return nil, err
		}
		found := map[string][]byte{}
		var name, value []byte
		_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
			if strings.HasPrefix(string(name), prefix) {
				found[string(name)] = bytes.Clone(value)
			}
			return nil
		})
		return found, err
	})
}

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// The compiler checks what nodes rely on.
var _ storage.Shared = (*Store)(nil)

// firstLease is the lease of a node that has joined, until its first heartbeat.
const firstLease = 10 * time.Second

var (
	sqlClaimCluster = tables.Statement("meta.cluster", `INSERT INTO meta (name, value) VALUES ('cluster', $1)
		ON CONFLICT (name) DO UPDATE SET value = meta.value RETURNING value`)
	sqlJoin = tables.Statement("node.join", `INSERT INTO node (incarnation, name, address, binary_version, lease_ms, expires, applied, leaving)
		VALUES ($1, $2, $3, $4, $5::int8, now() + $5::int8 * interval '1 ms', 0, false)
		ON CONFLICT (incarnation) DO UPDATE SET name = excluded.name, address = excluded.address,
			binary_version = excluded.binary_version, lease_ms = excluded.lease_ms, expires = excluded.expires`)
	sqlBeat = tables.Statement("node.beat", `UPDATE node SET lease_ms = $2::int8, expires = now() + $2::int8 * interval '1 ms', applied = $3, leaving = $4
		WHERE incarnation = $1`)
	sqlNow        = tables.Statement("node.now", `SELECT now(), version FROM registry`)
	sqlNodes      = tables.Statement("nodes", `SELECT incarnation, name, address, binary_version, lease_ms, expires, applied, leaving FROM node ORDER BY incarnation`)
	sqlParts      = tables.Statement("parts", `SELECT part, coalesce(owner, 0), epoch FROM partition`)
	sqlAllPending = tables.Statement("fence.all", `SELECT incarnation, sum(pending)::int8 FROM fence GROUP BY incarnation`)
	// A lease that ends later than a heartbeat can make it is from before the database's
	// clock was set back, and no heartbeat has followed.
	sqlLeaseOver = tables.Statement("node.expired", `SELECT expires < now() OR expires > now() + 2 * lease_ms * interval '1 ms'
		FROM node WHERE incarnation = $1 FOR UPDATE`)
	sqlEndOf = tables.Statement("node.end", `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE application_name = $1 AND pid <> pg_backend_pid()`)
	sqlFreeParts  = tables.Statement("parts.free", `UPDATE partition SET owner = NULL, epoch = epoch + 1 WHERE owner = $1`)
	sqlRemoveNode = tables.Statement("node.remove", `DELETE FROM node WHERE incarnation = $1`)
	sqlClaim      = tables.Statement("parts.claim", `UPDATE partition SET owner = $1, epoch = epoch + 1
		WHERE owner IS NULL AND part = ANY($2::int2[]) RETURNING part`)
	sqlRelease = tables.Statement("parts.release", `UPDATE partition
		SET owner = (SELECT incarnation FROM node WHERE incarnation = $3), epoch = epoch + 1
		WHERE owner = $1 AND part = ANY($2::int2[])`)
)

// Join registers this process as a node, under the incarnation that the store was opened
// with: a store joins once. It fails if the database belongs to another cluster.
func (s *Store) Join(ctx context.Context, n storage.NodeInfo) (storage.Incarnation, error) {
	err := s.change(ctx, "join the cluster", func(ctx context.Context, tx *transaction) error {
		if s.options.Cluster != "" {
			var owner string
			if err := tx.QueryRow(ctx, sqlClaimCluster, s.options.Cluster).Scan(&owner); err != nil {
				return err
			}
			if owner != s.options.Cluster {
				return errors.New("the database of database-url belongs to another cluster, with another cluster-secret")
			}
		}
		_, err := tx.Exec(ctx, sqlJoin, int64(s.incarnation), n.Name, n.Address, n.Version, firstLease.Milliseconds())
		return err
	})
	if err != nil {
		return 0, err
	}
	return s.incarnation, nil
}

// Heartbeat extends this node's lease, in a transaction as synchronous as those of data,
// and returns the cluster as it is in that transaction. b.Pending is ignored: the store
// counts by itself. ErrFenced, also if the node has not joined.
func (s *Store) Heartbeat(ctx context.Context, b storage.Beat) (c storage.Cluster, err error) {
	if err = s.writable(); err == nil {
		c, err = s.beat(ctx, b)
	}
	// The sessions of the pool may have ended since the last one, with a primary for
	// example. A lease must not wait for the next heartbeat because of that.
	for again := (backoff{}); err != nil && session.IsPassing(err) && again.pause < 4*firstPause && again.wait(ctx, s.life.closed); {
		c, err = s.beat(ctx, b)
	}
	if err = session.Translate(ctx, err); err != nil {
		return storage.Cluster{}, fmt.Errorf("send heartbeat: %w", err)
	}
	s.learn(&c)
	return c, nil
}

// beat sends a heartbeat in one round trip.
func (s *Store) beat(ctx context.Context, b storage.Beat) (c storage.Cluster, err error) {
	conn, err := s.writes.Acquire(ctx)
	if err != nil {
		return c, err
	}
	defer conn.Release()
	warned := session.Warnings(conn.Conn())
	var alive int64
	pending := map[storage.Incarnation]int64{}
	batch := &pgx.Batch{}
	batch.Queue(sqlBeat, int64(s.incarnation), b.Lease.Milliseconds(), int64(b.Applied), b.Leaving).Exec(func(tag pgconn.CommandTag) error { alive = tag.RowsAffected(); return nil })
	batch.Queue(sqlNow).QueryRow(func(row pgx.Row) error { return row.Scan(&c.Now, &c.Version) })
	batch.Queue(sqlNodes).Query(func(rows pgx.Rows) (err error) {
		c.Nodes, err = pgx.CollectRows(rows, scanNode)
		return err
	})
	batch.Queue(sqlParts).Query(func(rows pgx.Rows) error { return scanParts(rows, &c.Parts) })
	batch.Queue(sqlAllPending).Query(func(rows pgx.Rows) error {
		var of, sum int64
		_, err := pgx.ForEachRow(rows, []any{&of, &sum}, func() error {
			pending[storage.Incarnation(of)] = sum
			c.Pending += sum
			return nil
		})
		return err
	})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return c, err
	}
	switch {
	case session.Warnings(conn.Conn()) > warned:
		return c, session.ErrUnknown // it may be on the primary only
	case alive == 0:
		return c, s.fencedOff()
	}
	if err := s.copied(ctx, conn.Conn()); err != nil {
		return c, err
	}
	for i := range c.Nodes {
		c.Nodes[i].Pending = pending[c.Nodes[i].Incarnation]
	}
	s.counts.others.Store(c.Pending - pending[s.incarnation])
	return c, nil
}

// scanNode reads a row of sqlNodes.
func scanNode(row pgx.CollectableRow) (n storage.Node, err error) {
	var incarnation, lease, applied int64
	err = row.Scan(&incarnation, &n.Name, &n.Address, &n.Version, &lease, &n.Expires, &applied, &n.Leaving)
	n.Incarnation, n.Lease, n.Applied = storage.Incarnation(incarnation), time.Duration(lease)*time.Millisecond, uint64(applied)
	return n, err
}

// scanParts reads the rows of sqlParts.
func scanParts(rows pgx.Rows, to *[webhook.PartCount]storage.Ownership) error {
	var part int16
	var owner, epoch int64
	_, err := pgx.ForEachRow(rows, []any{&part, &owner, &epoch}, func() error {
		to[part] = storage.Ownership{Owner: storage.Incarnation(owner), Epoch: uint64(epoch)}
		return nil
	})
	return err
}

// learn notes what a heartbeat says about other nodes.
func (s *Store) learn(c *storage.Cluster) {
	s.counts.shared.Store(len(c.Nodes) > 1)
	var moved webhook.Parts
	s.epochsMu.Lock()
	for p := range c.Parts {
		if c.Parts[p].Epoch != s.epochs[p] {
			s.epochs[p] = c.Parts[p].Epoch
			moved.Add(webhook.Part(p))
		}
	}
	s.epochsMu.Unlock()
	if moved.Len() > 0 {
		s.heads.Forget(moved)
	}
}

// Fence ends what a node whose lease has expired can still write, and frees its parts:
// its sessions are ended, then the rows are removed that each of its transactions has to
// update first. It waits for what is under way. ErrConflict if the lease holds again.
func (s *Store) Fence(ctx context.Context, dead storage.Incarnation) error {
	err := s.change(ctx, "fence a node", func(ctx context.Context, tx *transaction) error {
		var expired bool
		err := tx.QueryRow(ctx, sqlLeaseOver, int64(dead)).Scan(&expired)
		if errors.Is(err, pgx.ErrNoRows) { // somebody was faster, but parts may have been released to it since
			_, err = tx.Exec(ctx, sqlFreeParts, int64(dead))
			return err
		}
		if err != nil {
			return err
		}
		if !expired || dead == s.incarnation {
			return webhook.ErrConflict
		}
		// A session that has received half a transaction holds its locks, and waits.
		if _, err := tx.Exec(ctx, sqlEndOf, session.Application(dead)); err != nil {
			return err
		}
		return removeNode(ctx, tx, dead)
	})
	if err != nil {
		return err
	}
	if err := s.finishParts(ctx); err != nil { // or the next who opens the database does
		s.options.Log.Warn("events of a fenced node are not finished yet", "error", err)
	}
	return nil
}

// removeNode removes a node and its writers, and frees its parts.
func removeNode(ctx context.Context, tx pgx.Tx, i storage.Incarnation) error {
	if err := removeSlots(ctx, tx, int64(i)); err != nil {
		return err
	}
	for _, sql := range []string{sqlFreeParts, sqlRemoveNode} {
		if _, err := tx.Exec(ctx, sql, int64(i)); err != nil {
			return err
		}
	}
	return nil
}

// Claim makes this node the owner of free parts, each in its next epoch, and returns those
// that it got. ErrFenced.
func (s *Store) Claim(ctx context.Context, parts webhook.Parts) (got webhook.Parts, err error) {
	err = s.change(ctx, "claim parts", func(ctx context.Context, tx *transaction) error {
		got = webhook.Parts{}
		rows, err := tx.Query(ctx, sqlClaim, int64(s.incarnation), numbersOf(parts))
		if err != nil {
			return err
		}
		var part int16
		_, err = pgx.ForEachRow(rows, []any{&part}, func() error { got.Add(webhook.Part(part)); return nil })
		return err
	})
	if err != nil {
		return webhook.Parts{}, err
	}
	s.heads.Forget(got)
	return got, nil
}

// numbersOf returns the parts of a set.
func numbersOf(parts webhook.Parts) []int16 {
	numbers := make([]int16, 0, webhook.PartCount)
	for p := range parts.All {
		numbers = append(numbers, int16(p))
	}
	return numbers
}

// Release gives parts of this node to another one, or frees them if to is 0 or not in the
// cluster any more. ErrFenced.
func (s *Store) Release(ctx context.Context, parts webhook.Parts, to storage.Incarnation) error {
	return s.change(ctx, "release parts", func(ctx context.Context, tx *transaction) error {
		_, err := tx.Exec(ctx, sqlRelease, int64(s.incarnation), numbersOf(parts), int64(to))
		return err
	})
}

// Leave frees the node's parts and removes it. Later writes fail with ErrFenced.
func (s *Store) Leave(ctx context.Context) error {
	err := s.change(ctx, "leave the cluster", func(ctx context.Context, tx *transaction) error {
		return removeNode(ctx, tx, s.incarnation)
	})
	// If the answer to the commit was lost, the rows are gone by now.
	if err != nil && !errors.Is(err, webhook.ErrFenced) {
		return err
	}
	_ = s.fencedOff() // the error of later writes
	return nil
}

var (
	sqlVersions = tables.Statement("registry.versions", `SELECT version, event_types, api_keys FROM registry`)
	sqlChanged  = tables.Statement("endpoint.changed", `SELECT record FROM endpoint WHERE changed > $1 ORDER BY changed, number`)
)

// Changes calls visit for each endpoint that was changed after version since, deleted ones
// included, without the values of secrets and headers. All are of one moment.
func (s *Store) Changes(ctx context.Context, since uint64, visit func(webhook.Endpoint) error) (storage.Changes, error) {
	type changes struct {
		storage.Changes
		endpoints []webhook.Endpoint
	}
	got, err := snapshot(ctx, s, "read changes", func(ctx context.Context, tx pgx.Tx) (c changes, err error) {
		var types, keys uint64
		if err := tx.QueryRow(ctx, sqlVersions).Scan(&c.Version, &types, &keys); err != nil {
			return c, err
		}
		c.EventTypes, c.APIKeys = types > since, keys > since
		c.endpoints, err = collectEndpoints(ctx, tx, sqlChanged, int64(since))
		return c, err
	})
	if err != nil {
		return storage.Changes{}, err
	}
	for _, e := range got.endpoints {
		if err := visit(e.WithoutSecrets()); err != nil {
			return storage.Changes{}, err
		}
	}
	return got.Changes, nil
}

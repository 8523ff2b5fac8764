package pgstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

var (
	apiKeys      = tables.Statement("apiKeys", `SELECT record FROM api_key ORDER BY id`)
	insertAPIKey = tables.Statement("apiKey.insert", `INSERT INTO api_key (id, record) VALUES ($1, $2) ON CONFLICT DO NOTHING`)
	deleteAPIKey = tables.Statement("apiKey.delete", `DELETE FROM api_key WHERE id = $1`)
	keepMeta     = tables.Statement("meta.keep", `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`)
	readMeta     = tables.Statement("meta.read", `SELECT value FROM meta WHERE name = $1`)
)

// APIKeys returns all, in order of their IDs.
func (s *Store) APIKeys(ctx context.Context) ([]webhook.APIKey, error) {
	return fetch(ctx, s, "read API keys", func(ctx context.Context, q querier) (out []webhook.APIKey, err error) {
		rows, err := q.Query(ctx, apiKeys)
		if err != nil {
			return nil, err
		}
		var raw []byte
		// One that cannot be read fails the whole list: a key that is missing here would be
		// refused as unknown.
		_, err = pgx.ForEachRow(rows, []any{&raw}, func() error {
			k, err := record.DecodeAPIKey(raw)
			out = append(out, k)
			return err
		})
		return out, err
	})
}

// CreateAPIKey adds a key; ErrExists if the ID is taken.
func (s *Store) CreateAPIKey(ctx context.Context, k webhook.APIKey) error {
	return s.changeOne(ctx, "create API key "+k.ID, bumpAPIKeys, webhook.ErrExists, insertAPIKey, tables.NameOf(k.ID), record.EncodeAPIKey(&k))
}

// DeleteAPIKey removes a key; ErrNotFound.
func (s *Store) DeleteAPIKey(ctx context.Context, id string) error {
	return s.changeOne(ctx, "delete API key "+id, bumpAPIKeys, webhook.ErrNotFound, deleteAPIKey, tables.NameOf(id))
}

// metaCursorKey names the key of cursors in the table meta.
const metaCursorKey = "cursor_key"

// CursorKey returns the stored key. The first call stores the one offered; which call of
// several is the first, the database decides.
func (s *Store) CursorKey(ctx context.Context, offered [32]byte) (kept [32]byte, err error) {
	err = s.change(ctx, "keep cursor key", func(ctx context.Context, tx *transaction) error {
		if _, err := tx.Exec(ctx, keepMeta, metaCursorKey, hex.EncodeToString(offered[:])); err != nil {
			return err
		}
		var text string
		if err := tx.QueryRow(ctx, readMeta, metaCursorKey).Scan(&text); err != nil {
			return err
		}
		raw, err := hex.DecodeString(text)
		// A shorter key would authenticate cursors of another server, or none.
		if err != nil || copy(kept[:], raw) < len(kept) {
			return fmt.Errorf("the key of cursors: %w", record.ErrDamaged)
		}
		return nil
	})
	return kept, err
}

var (
	allEventTypes   = tables.Statement("eventTypes", `SELECT name, record FROM event_type ORDER BY name`)
	insertEventType = tables.Statement("eventType.insert", `INSERT INTO event_type (name, record) VALUES ($1, $2) ON CONFLICT DO NOTHING`)
	updateEventType = tables.Statement("eventType.update", `UPDATE event_type SET record = $2 WHERE name = $1`)
	deleteEventType = tables.Statement("eventType.delete", `DELETE FROM event_type WHERE name = $1`)
)

// EventTypes returns all, in order of their names.
func (s *Store) EventTypes(ctx context.Context) ([]webhook.EventType, error) {
	return fetch(ctx, s, "read event types", func(ctx context.Context, q querier) (out []webhook.EventType, err error) {
		rows, err := q.Query(ctx, allEventTypes)
		if err != nil {
			return nil, err
		}
		var name, raw []byte
		_, err = pgx.ForEachRow(rows, []any{&name, &raw}, func() error {
			description, err := record.DecodeEventType(raw)
			out = append(out, webhook.EventType{Name: string(name), Description: description})
			return err
		})
		return out, err
	})
}

// CreateEventType adds an event type; ErrExists if the name is taken.
func (s *Store) CreateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeOne(ctx, "create event type "+t.Name, bumpEventTypes, webhook.ErrExists, insertEventType, tables.NameOf(t.Name), record.EncodeEventType(t))
}

// UpdateEventType changes an event type's description; ErrNotFound.
func (s *Store) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeOne(ctx, "update event type "+t.Name, bumpEventTypes, webhook.ErrNotFound, updateEventType, tables.NameOf(t.Name), record.EncodeEventType(t))
}

// DeleteEventType removes an event type; ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.changeOne(ctx, "delete event type "+name, bumpEventTypes, webhook.ErrNotFound, deleteEventType, tables.NameOf(name))
}

var (
	appendAudit = tables.Statement("audit.append", `INSERT INTO audit (seq, nonce, record) VALUES ($1, $2, $3)
		ON CONFLICT (seq, nonce) DO UPDATE SET record = excluded.record`)
	listAudit = tables.Statement("audit.list", `SELECT seq, nonce, record FROM audit WHERE seq >= $1 AND seq <= $2 AND (seq, nonce) < ($2, $3)
		ORDER BY seq DESC, nonce DESC LIMIT $4`)
	reapAudit = tables.Statement("audit.reap", `DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE seq < $1 ORDER BY seq LIMIT $2)`)
)

// AppendAudit stores an entry of the audit. A commit of unknown outcome is repeated, so it
// may be there already.
func (s *Store) AppendAudit(ctx context.Context, e audit.Entry) error {
	k := tables.KeyOf(e.ID)
	return s.change(ctx, "record a change", func(ctx context.Context, tx *transaction) error {
		_, err := tx.Exec(ctx, appendAudit, k.Seq, k.Nonce, record.EncodeAudit(&e))
		return err
	})
}

// ListAudit returns the entries that q selects, newest first. Filters beside that of the
// time are applied to the records: an index of each would cost more than they are asked for.
func (s *Store) ListAudit(ctx context.Context, q audit.Query) (audit.Page, error) {
	from, before := int64(0), tables.Key{Seq: math.MaxInt64, Nonce: math.MaxUint32}
	if !q.Since.IsZero() {
		from = int64(webhook.SeqAt(q.Since))
	}
	if !q.Until.IsZero() {
		before = tables.Key{Seq: int64(webhook.SeqAt(q.Until))}
	}
	if k := tables.KeyOf(q.Before); q.Before != (webhook.ID{}) && (k.Seq < before.Seq || k.Seq == before.Seq && k.Nonce < before.Nonce) {
		before = k
	}
	return fetch(ctx, s, "list changes", func(ctx context.Context, on querier) (page audit.Page, err error) {
		rows, err := on.Query(ctx, listAudit, from, before.Seq, before.Nonce, q.Looks())
		if err != nil {
			return page, err
		}
		var k tables.Key
		var raw []byte
		looked := 0
		_, err = pgx.ForEachRow(rows, []any{&k.Seq, &k.Nonce, &raw}, func() error {
			if looked++; page.Next != (webhook.ID{}) {
				return nil // the page is full
			}
			e, err := record.DecodeAudit(k.ID(), raw)
			if err == nil {
				page.Add(&q, e, looked)
			}
			return err
		})
		return page, err
	})
}

// forgetAudit removes entries of the audit that are older than the horizon.
func (s *Store) forgetAudit(ctx context.Context, horizon time.Time, limit int) (more bool, err error) {
	err = s.change(ctx, "forget old changes", func(ctx context.Context, tx *transaction) error {
		tag, err := tx.Exec(ctx, reapAudit, int64(webhook.SeqAt(horizon)), limit)
		more = tag.RowsAffected() >= int64(limit)
		return err
	})
	return more, err
}

// Each change of registrations raises their version first. The row stays locked until the
// end of the transaction, so that changes come one after the other.
var (
	bumpEndpoints  = tables.Statement("registry.endpoints", `UPDATE registry SET version = version + 1 RETURNING version`)
	bumpEventTypes = tables.Statement("registry.eventTypes", `UPDATE registry SET version = version + 1, event_types = version + 1 RETURNING version`)
	bumpAPIKeys    = tables.Statement("registry.apiKeys", `UPDATE registry SET version = version + 1, api_keys = version + 1 RETURNING version`)
)

// sqlHold waits for the change that is under way, and keeps others from beginning. Stores
// that accept events read the row and are not kept from it. The lock is one node's at a time:
// a shared one would leave a multixact behind for each group of holders.
var sqlHold = tables.Statement("registry.hold", `SELECT version FROM registry FOR UPDATE`)

// maxHold bounds for how long registrations are held: publishing, with its patience, takes
// less or fails. The server would end the session a second later.
const maxHold = 4 * time.Second

// HoldRegistrations keeps all nodes from changing registrations until release is called, for
// four seconds at most.
func (s *Store) HoldRegistrations(ctx context.Context) (release func(), err error) {
	err = s.view(ctx, "hold the registrations", func(ctx context.Context, _ querier) error {
		tx, err := s.reads.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlHold); err != nil {
			return errors.Join(err, tx.Rollback(ctx))
		}
		released := make(chan struct{})
		release = sync.OnceFunc(func() { close(released) })
		go s.hold(tx, released) // closing the pool waits for it
		return nil
	})
	return release, err
}

// hold ends a transaction when it is released, or has lasted for long enough.
func (s *Store) hold(tx pgx.Tx, released <-chan struct{}) {
	timer := time.NewTimer(maxHold)
	defer timer.Stop()
	select {
	case <-released:
	case <-timer.C:
	case <-s.life.closed:
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = tx.Rollback(ctx) // if it fails the session ends, and the lock with it
}

// changeOne changes one row of the registrations by a statement; refused is the error if
// there is no such row, or if there is one already.
func (s *Store) changeOne(ctx context.Context, action, bump string, refused error, sql string, args ...any) error {
	return s.change(ctx, action, func(ctx context.Context, tx *transaction) error {
		if _, err := tx.Exec(ctx, bump); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, args...)
		if err == nil && tag.RowsAffected() == 0 {
			err = refused
		}
		return err
	})
}

var (
	allGrants    = tables.Statement("grants", `SELECT record FROM access_grant ORDER BY id`)
	oneGrant     = tables.Statement("grant", `SELECT record, logo FROM access_grant WHERE id = $1`)
	lockGrant    = tables.Statement("grant.lock", `SELECT record, logo FROM access_grant WHERE id = $1 FOR UPDATE`)
	insertGrant  = tables.Statement("grant.insert", `INSERT INTO access_grant (id, ends, record, logo) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`)
	updateGrant  = tables.Statement("grant.update", `UPDATE access_grant SET ends = $2, record = $3 WHERE id = $1`)
	deleteGrant  = tables.Statement("grant.delete", `DELETE FROM access_grant WHERE id = $1`)
	forgetGrants = tables.Statement("grants.forget", `DELETE FROM access_grant WHERE ends < $1`)
)

// Grants returns all, in order of their IDs, without their logos.
func (s *Store) Grants(ctx context.Context) ([]webhook.Grant, error) {
	return fetch(ctx, s, "read grants", func(ctx context.Context, q querier) (out []webhook.Grant, err error) {
		rows, err := q.Query(ctx, allGrants)
		if err != nil {
			return nil, err
		}
		var raw []byte
		_, err = pgx.ForEachRow(rows, []any{&raw}, func() error {
			g, err := record.DecodeGrant(raw)
			out = append(out, g)
			return err
		})
		return out, err
	})
}

// Grant returns one, with its logo; ErrNotFound.
func (s *Store) Grant(ctx context.Context, id string) (webhook.Grant, error) {
	return fetch(ctx, s, "read grant "+id, func(ctx context.Context, q querier) (webhook.Grant, error) {
		return scanGrant(q.QueryRow(ctx, oneGrant, tables.NameOf(id)))
	})
}

// scanGrant reads a grant from a row of record and logo; ErrNotFound if there is no row.
func scanGrant(row pgx.Row) (webhook.Grant, error) {
	var raw, logo []byte
	err := row.Scan(&raw, &logo)
	if errors.Is(err, pgx.ErrNoRows) {
		return webhook.Grant{}, webhook.ErrNotFound
	}
	if err != nil {
		return webhook.Grant{}, err
	}
	g, err := record.DecodeGrant(raw)
	g.Brand.LogoURL = string(logo)
	return g, err
}

// CreateGrant adds one, and removes those that have ended; ErrExists if the ID is taken.
func (s *Store) CreateGrant(ctx context.Context, g webhook.Grant) error {
	return s.change(ctx, "create grant "+g.ID, func(ctx context.Context, tx *transaction) error {
		if _, err := tx.Exec(ctx, forgetGrants, g.CreatedAt.UnixMilli()); err != nil {
			return err
		}
		return addGrant(ctx, tx, &g)
	})
}

// addGrant adds a row; ErrExists if the ID is taken.
func addGrant(ctx context.Context, tx *transaction, g *webhook.Grant) error {
	tag, err := tx.Exec(ctx, insertGrant, tables.NameOf(g.ID), g.Ends().UnixMilli(), record.EncodeGrant(g), []byte(g.Brand.LogoURL))
	if err == nil && tag.RowsAffected() == 0 {
		err = webhook.ErrExists
	}
	return err
}

// RedeemGrant exchanges a link for a session; ErrNotFound, ErrConflict. The lock on the
// link's row makes one of several calls the first.
func (s *Store) RedeemGrant(ctx context.Context, id string, session webhook.Grant) error {
	return s.change(ctx, "redeem grant "+id, func(ctx context.Context, tx *transaction) error {
		link, err := scanGrant(tx.QueryRow(ctx, lockGrant, tables.NameOf(id)))
		if err != nil {
			return err
		}
		again := link.UsedBy == session.ID // the commit before was of unknown outcome
		if err := link.Redeem(&session); err != nil || again {
			return err
		}
		if _, err := tx.Exec(ctx, updateGrant, tables.NameOf(id), link.Ends().UnixMilli(), record.EncodeGrant(&link)); err != nil {
			return err
		}
		return addGrant(ctx, tx, &session)
	})
}

// DeleteGrant removes one, and the session that came from it; ErrNotFound.
func (s *Store) DeleteGrant(ctx context.Context, id string) error {
	return s.change(ctx, "delete grant "+id, func(ctx context.Context, tx *transaction) error {
		g, err := scanGrant(tx.QueryRow(ctx, lockGrant, tables.NameOf(id)))
		if err != nil {
			return err
		}
		for _, gone := range []string{id, g.UsedBy} {
			if _, err := tx.Exec(ctx, deleteGrant, tables.NameOf(gone)); err != nil {
				return err
			}
		}
		return nil
	})
}

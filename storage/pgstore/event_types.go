package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

var (
	allEventTypes   = statement("eventTypes", `SELECT name, record FROM event_type ORDER BY name`)
	insertEventType = statement("eventType.insert", `INSERT INTO event_type (name, record) VALUES ($1, $2) ON CONFLICT DO NOTHING`)
	updateEventType = statement("eventType.update", `UPDATE event_type SET record = $2 WHERE name = $1`)
	deleteEventType = statement("eventType.delete", `DELETE FROM event_type WHERE name = $1`)
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
	return s.changeOne(ctx, "create event type "+t.Name, bumpEventTypes, webhook.ErrExists, insertEventType, nameOf(t.Name), record.EncodeEventType(t))
}

// UpdateEventType changes an event type's description; ErrNotFound.
func (s *Store) UpdateEventType(ctx context.Context, t webhook.EventType) error {
	return s.changeOne(ctx, "update event type "+t.Name, bumpEventTypes, webhook.ErrNotFound, updateEventType, nameOf(t.Name), record.EncodeEventType(t))
}

// DeleteEventType removes an event type; ErrNotFound.
func (s *Store) DeleteEventType(ctx context.Context, name string) error {
	return s.changeOne(ctx, "delete event type "+name, bumpEventTypes, webhook.ErrNotFound, deleteEventType, nameOf(name))
}

// Each change of registrations raises their version first. The row stays locked until the
// end of the transaction, so that changes come one after the other.
var (
	bumpEndpoints  = statement("registry.endpoints", `UPDATE registry SET version = version + 1 RETURNING version`)
	bumpEventTypes = statement("registry.eventTypes", `UPDATE registry SET version = version + 1, event_types = version + 1 RETURNING version`)
	bumpAPIKeys    = statement("registry.apiKeys", `UPDATE registry SET version = version + 1, api_keys = version + 1 RETURNING version`)
)

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

// Package export hands out everything that a directory of badgerstore holds, kind by
// kind, in an order in which another backend can take it over: what a record refers to
// comes before it.
//
// It reads a directory that no process uses, and changes nothing. What the records mean
// belongs to package record; how the other backend keeps them is that backend's.
package export

import (
	"fmt"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
	"github.com/corpastro/astrohook/webhook/bulk"
)

// Sink takes what a directory holds. An error of a method ends the export.
type Sink interface {
	// Numbers takes the newest endpoint's number and the largest Seq of any endpoint or
	// removed event: neither may be used again.
	Numbers(last webhook.EndpointNumber, seq uint64) error
	// CursorKey takes the key that authenticates cursors, if there is one.
	CursorKey(key [32]byte) error
	// KeyUse takes a key that encrypts endpoints.
	KeyUse(use storage.KeyUse) error
	// Endpoint takes an endpoint, deleted or not, with its values sealed.
	Endpoint(e webhook.Endpoint) error
	EventType(t webhook.EventType) error
	APIKey(k webhook.APIKey) error
	Audit(e audit.Entry) error
	Gate(n webhook.EndpointNumber, g webhook.GateState) error
	// IdempotencyKey takes the event that came first under an idempotency key, by
	// record.KeyHash.
	IdempotencyKey(hash [16]byte, first record.KeyedEvent) error
	// Event takes an event with its data. Its Endpoints are all that it has a delivery for.
	Event(e webhook.Event) error
	// Delivery takes a delivery as its record has it: with its latest attempt if it has
	// finished, without EventType if it was never attempted.
	Delivery(d webhook.Delivery) error
	// Attempt takes an attempt of a delivery, shortened; Body the whole body of one.
	Attempt(of webhook.ID, a webhook.Attempt) error
	Body(of webhook.ID, b record.Body) error
	// Job takes a job, finished or not.
	Job(j bulk.Job) error
}

// Dir exports a directory. It must have the present schema and nothing unfinished, as it
// has after badgerstore.Open and Close. What has expired is left out.
func Dir(dir string, to Sink) error {
	err := engine.With(dir, func(db *engine.DB) error {
		tx := db.NewTransaction(false)
		defer tx.Discard()
		x := &exporter{tx: tx, to: to}
		for _, step := range x.steps() {
			if err := x.each(step.space, step.take); err != nil {
				return err
			}
		}
		return x.meta()
	})
	if err != nil {
		return fmt.Errorf("export %s: %w", dir, err)
	}
	return nil
}

// exporter is one export.
type exporter struct {
	tx *badger.Txn
	to Sink
}

// step is one kind of record; take gets key and value, which are valid during the call.
type step struct {
	space layout.Space
	take  func(key, value []byte) error
}

// steps returns the kinds of records in their order.
func (x *exporter) steps() []step {
	steps := []step{
		{layout.SpaceSecretKey, func(k, v []byte) error {
			return decoded(v, layout.DecodeKeyCount, func(c layout.KeyCount) error {
				return x.to.KeyUse(storage.KeyUse{KeyID: string(k[1:]), Endpoints: int64(c.Endpoints), Check: c.Check})
			})
		}},
		{layout.SpaceEndpoint, func(_, v []byte) error { return decoded(v, record.DecodeEndpoint, x.to.Endpoint) }},
		{layout.SpaceEventType, func(k, v []byte) error {
			return decoded(v, record.DecodeEventType, func(description string) error {
				return x.to.EventType(webhook.EventType{Name: string(k[1:]), Description: description})
			})
		}},
		{layout.SpaceAPIKey, func(_, v []byte) error { return decoded(v, record.DecodeAPIKey, x.to.APIKey) }},
		{layout.SpaceAudit, func(k, v []byte) error {
			e, err := record.DecodeAudit(layout.ParseEventKey(k), v)
			if err != nil {
				return err
			}
			return x.to.Audit(e)
		}},
		{layout.SpaceGate, func(k, v []byte) error {
			return decoded(v, record.DecodeGate, func(g webhook.GateState) error { return x.to.Gate(layout.LastNumber(k), g) })
		}},
		{layout.SpaceIdempotency, func(k, v []byte) error {
			return decoded(v, record.DecodeKeyedEvent, func(first record.KeyedEvent) error {
				return x.to.IdempotencyKey([16]byte(k[1:]), first)
			})
		}},
		{layout.SpaceEvent, x.event},
	}
	for _, space := range layout.DeliverySpaces {
		steps = append(steps, step{space, func(k, v []byte) error {
			d, err := record.DecodeDelivery(layout.ParseDeliveryKey(k), v)
			if err != nil {
				return err
			}
			return x.to.Delivery(d)
		}})
	}
	return append(steps,
		step{layout.SpaceAttempt, func(k, v []byte) error {
			return decoded(v, record.DecodeAttempt, func(a webhook.Attempt) error { return x.to.Attempt(layout.ParseLogKey(k), a) })
		}},
		step{layout.SpaceBody, func(k, v []byte) error {
			return decoded(v, record.DecodeBody, func(b record.Body) error { return x.to.Body(layout.ParseLogKey(k), b) })
		}},
		step{layout.SpaceJob, func(k, v []byte) error {
			j, err := record.DecodeJob(layout.ParseJobKey(k), v)
			if err != nil {
				return err
			}
			return x.to.Job(j)
		}},
	)
}

// decoded decodes a record and hands it on.
func decoded[T any](value []byte, decode func([]byte) (T, error), take func(T) error) error {
	out, err := decode(value)
	if err != nil {
		return err
	}
	return take(out)
}

// each calls take for all records of a space.
func (x *exporter) each(space layout.Space, take func(key, value []byte) error) error {
	options := badger.DefaultIteratorOptions
	options.Prefix = space.Prefix()
	it := x.tx.NewIterator(options)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		key := it.Item().Key()
		// Keys are cut by size below.
		if size, fixed := space.KeySize(); fixed && len(key) != size {
			return fmt.Errorf("record %x: %w", key, record.ErrDamaged)
		}
		if err := it.Item().Value(func(value []byte) error { return take(key, value) }); err != nil {
			return fmt.Errorf("record %x: %w", key, err)
		}
	}
	return nil
}

// event hands an event on, with the recipients beyond the first webhook.MaxFanOut, which
// have records of their own.
func (x *exporter) event(key, value []byte) error {
	e, err := record.DecodeEvent(layout.ParseEventKey(key), value)
	if err != nil {
		return err
	}
	options := badger.DefaultIteratorOptions
	options.Prefix = layout.PartPrefix(e.ID)
	it := x.tx.NewIterator(options)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		err := it.Item().Value(func(value []byte) error {
			return decoded(value, layout.DecodePart, func(p layout.Part) error {
				e.Endpoints = append(e.Endpoints, p.All...)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(e.Endpoints) // those that joined later are in the last part
	return x.to.Event(e)
}

// meta hands on what belongs to the directory as a whole.
func (x *exporter) meta() error {
	var last, seq uint64
	err := x.each(layout.SpaceMeta, func(key, value []byte) error {
		switch string(key) {
		case string(layout.MetaLastNumber):
			return keep(&last, value)
		case string(layout.MetaLastSeq):
			return keep(&seq, value)
		case string(layout.MetaCursorKey):
			if len(value) < 32 {
				return record.ErrDamaged
			}
			return x.to.CursorKey([32]byte(value))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return x.to.Numbers(webhook.EndpointNumber(last), seq)
}

// keep decodes a number.
func keep(into *uint64, value []byte) (err error) {
	*into, err = layout.DecodeNumber(value)
	return err
}

package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// errInTheClear refuses an endpoint whose values were not sealed: its record has no
// place for them.
var errInTheClear = errors.New("the values of secrets and headers are not encrypted")

// CreateEndpoint stores a new endpoint under the next number.
func (s *Store) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	return s.CreateNumbered(ctx, e, func(*webhook.Endpoint) error { return nil })
}

// CreateNumbered stores a new endpoint, which finish changes once it has its number.
func (s *Store) CreateNumbered(
	ctx context.Context, e webhook.Endpoint, finish func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	var created webhook.Endpoint
	err := s.update(ctx, "create webhook", func(tx *badger.Txn) (*change, error) {
		last, err := metaNumber(tx, layout.MetaLastNumber)
		if err != nil {
			return nil, err
		}
		lastSeq, err := metaNumber(tx, layout.MetaLastSeq)
		if err != nil {
			return nil, err
		}
		// A plan can run more than once, so e itself must stay as it came.
		created = e
		created.ID.Endpoint, created.Revision = webhook.EndpointNumber(last+1), 1
		if err := finish(&created); err != nil {
			return nil, err
		}
		c := &change{lastSeq: e.ID.Seq}
		// Stored apart from the endpoints: the number of a reaped one is not used again.
		c.put(layout.MetaLastNumber, layout.EncodeNumber(last+1))
		c.put(layout.MetaLastSeq, layout.EncodeNumber(max(lastSeq, e.ID.Seq)))
		return c, c.replaceEndpoint(tx, nil, &created)
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return created, nil
}

// UpdateEndpoint applies change to the stored endpoint, in one step.
func (s *Store) UpdateEndpoint(
	ctx context.Context, n webhook.EndpointNumber, apply func(*webhook.Endpoint) error,
) (webhook.Endpoint, error) {
	var now webhook.Endpoint
	err := s.update(ctx, "update webhook", func(tx *badger.Txn) (*change, error) {
		was, err := readEndpoint(tx, n)
		if err != nil {
			return nil, err
		}
		now = was
		// apply may change elements, and was is needed to find the keys to remove.
		now.Secrets, now.Headers = slices.Clone(was.Secrets), slices.Clone(was.Headers)
		if err := apply(&now); err != nil {
			return nil, err
		}
		// Neither is apply's to change.
		now.ID, now.Revision = was.ID, was.Revision+1
		c := &change{}
		return c, c.replaceEndpoint(tx, &was, &now)
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return now, nil
}

// replaceEndpoint puts an endpoint in the place of an older version of it, nil for
// none, and counts the keys of both.
func (c *change) replaceEndpoint(tx *badger.Txn, was, now *webhook.Endpoint) error {
	if inTheClear(now) {
		return errInTheClear
	}
	var tally storage.KeyTally
	if was == nil {
		tally.Move(webhook.SealedValues{}, now.Sealed)
	} else {
		// Its keys may change with it: a deletion gets one, a new client another.
		c.removeEndpoint(was)
		tally.Move(was.Sealed, now.Sealed)
	}
	c.putEndpoint(now)
	return writeKeyUses(tx, c, &tally)
}

// putEndpoint puts an endpoint and the keys by which it is found.
func (c *change) putEndpoint(e *webhook.Endpoint) {
	c.put(layout.EndpointKey(layout.SpaceEndpoint, e.Number()), record.EncodeEndpoint(e))
	c.put(layout.ClientKey(e.ClientID, e.Number()), nil)
	if e.Deleted() {
		c.put(layout.DeletedKey(e.DeletedAt, e.Number()), nil)
	}
}

// removeEndpoint removes what putEndpoint put.
func (c *change) removeEndpoint(e *webhook.Endpoint) {
	c.remove(layout.EndpointKey(layout.SpaceEndpoint, e.Number()))
	c.remove(layout.ClientKey(e.ClientID, e.Number()))
	if e.Deleted() {
		c.remove(layout.DeletedKey(e.DeletedAt, e.Number()))
	}
}

// readEndpoint returns an endpoint in a transaction; ErrNotFound.
func readEndpoint(tx *badger.Txn, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	return readRecord(tx, layout.EndpointKey(layout.SpaceEndpoint, n), record.DecodeEndpoint)
}

// Endpoint returns one endpoint, deleted or not.
func (s *Store) Endpoint(_ context.Context, n webhook.EndpointNumber) (webhook.Endpoint, error) {
	return view(s, "read webhook", func(tx *badger.Txn) (webhook.Endpoint, error) { return readEndpoint(tx, n) })
}

// ListEndpoints returns endpoints that are not deleted, newest first.
func (s *Store) ListEndpoints(_ context.Context, clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error) {
	prefix := layout.SpaceEndpoint.Prefix()
	if clientID != "" {
		prefix = layout.ClientPrefix(clientID)
	}
	return view(s, "list webhooks", func(tx *badger.Txn) (out []webhook.Endpoint, err error) {
		scan := engine.NewBackward(tx, prefix)
		defer scan.Close()
		scan.Seek(layout.AppendEndpointNumber(slices.Clone(prefix), before-1)) // 0 wraps round to the largest
		for allowance := engine.Unlimited; len(out) < limit && scan.Next(prefix, &allowance) == engine.Found; {
			e, err := readEndpoint(tx, layout.LastNumber(scan.Key))
			if err != nil {
				return nil, err
			}
			// Deleted endpoints stay for their deliveries, not for lists.
			if !e.Deleted() {
				out = append(out, e)
			}
		}
		return out, nil
	})
}

// EachEndpoint calls visit for every endpoint, deleted or not, in ascending order.
func (s *Store) EachEndpoint(_ context.Context, visit func(webhook.Endpoint) error) error {
	return s.view("read webhooks", func(tx *badger.Txn) error {
		it := forward(tx, layout.SpaceEndpoint.Prefix())
		defer it.Close()
		// One snapshot: a start must see no endpoint twice and miss none.
		for it.Rewind(); it.Valid(); it.Next() {
			e, err := decoded(it, record.DecodeEndpoint)
			if err != nil {
				return err
			}
			if err := visit(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// SaveGate stores an endpoint's breaker state; the zero state removes it. It waits for
// room on a full disk like an outcome, because it follows from one.
func (s *Store) SaveGate(n webhook.EndpointNumber, g webhook.GateState, done func(error)) {
	c, key := &change{}, layout.EndpointKey(layout.SpaceGate, n)
	// Most endpoints have a closed breaker: no record stands for that.
	if g.OpenUntil.IsZero() && g.Openings == 0 {
		c.remove(key)
	} else {
		c.put(key, record.EncodeGate(g))
	}
	s.submit(&job{change: c, Ticket: groupcommit.Ticket{Urgency: settles, Done: wrapped("save gate", done)}})
}

// wrapped returns a done that adds the action to the error.
func wrapped(action string, done func(error)) func(error) {
	return func(err error) {
		if err != nil {
			err = fmt.Errorf("%s: %w", action, err)
		}
		done(err)
	}
}

// Gate returns an endpoint's breaker state; zero if none is stored.
func (s *Store) Gate(_ context.Context, n webhook.EndpointNumber) (webhook.GateState, error) {
	return view(s, "read gate", func(tx *badger.Txn) (webhook.GateState, error) { return readGate(tx, n) })
}

// readGate returns a breaker's state in a transaction; zero if none is stored.
func readGate(tx *badger.Txn, n webhook.EndpointNumber) (webhook.GateState, error) {
	g, _, err := readIfStored(tx, layout.EndpointKey(layout.SpaceGate, n), record.DecodeGate)
	return g, err
}

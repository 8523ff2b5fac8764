package badgerstore

import (
	"context"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// CreateEndpoint stores a new endpoint under the next number.
func (s *Store) CreateEndpoint(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, error) {
	err := s.update(ctx, "create webhook", func(tx *badger.Txn) (*change, error) {
		last, err := metaNumber(tx, metaLastNumber)
		if err != nil {
			return nil, err
		}
		lastSeq, err := metaNumber(tx, metaLastSeq)
		if err != nil {
			return nil, err
		}
		e.ID.Endpoint, e.Revision = webhook.EndpointNumber(last+1), 1
		c := &change{lastSeq: e.ID.Seq}
		c.put(metaLastNumber, encodeNumber(last+1))
		c.put(metaLastSeq, encodeNumber(max(lastSeq, e.ID.Seq)))
		record, err := seal(s.keys, &e)
		if err != nil {
			return nil, err
		}
		c.putEndpoint(&record)
		tally := keyTally{}
		tally.move("", record.keyID)
		return c, s.count(tx, c, tally)
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return e, nil
}

// putEndpoint puts an endpoint and the keys by which it is found.
func (c *change) putEndpoint(e *endpointRecord) {
	c.put(endpointKey(spaceEndpoint, e.Number()), encodeEndpoint(e))
	c.put(clientKey(e.ClientID, e.Number()), nil)
	if e.Deleted() {
		c.put(deletedKey(e.DeletedAt, e.Number()), nil)
	}
}

// removeEndpoint removes what putEndpoint put.
func (c *change) removeEndpoint(e *endpointRecord) {
	c.remove(endpointKey(spaceEndpoint, e.Number()))
	c.remove(clientKey(e.ClientID, e.Number()))
	if e.Deleted() {
		c.remove(deletedKey(e.DeletedAt, e.Number()))
	}
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
		if now, err = was.open(s.keys); err != nil {
			return nil, err
		}
		if err := apply(&now); err != nil {
			return nil, err
		}
		now.ID, now.Revision = was.ID, was.Revision+1
		record, err := seal(s.keys, &now)
		if err != nil {
			return nil, err
		}
		c := &change{}
		c.removeEndpoint(&was)
		c.putEndpoint(&record)
		tally := keyTally{}
		tally.move(was.keyID, record.keyID)
		return c, s.count(tx, c, tally)
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return now, nil
}

func readEndpoint(tx *badger.Txn, n webhook.EndpointNumber) (e endpointRecord, err error) {
	err = get(tx, endpointKey(spaceEndpoint, n), func(record []byte) error {
		e, err = decodeEndpoint(record)
		return err
	})
	return e, err
}

// Endpoint reads one, deleted or not.
func (s *Store) Endpoint(n webhook.EndpointNumber) (e webhook.Endpoint, err error) {
	err = s.view("read webhook", func(tx *badger.Txn) error {
		record, err := readEndpoint(tx, n)
		if err != nil {
			return err
		}
		e, err = record.open(s.keys)
		return err
	})
	return e, err
}

// ListEndpoints lists endpoints that are not deleted, newest first.
func (s *Store) ListEndpoints(clientID string, before webhook.EndpointNumber, limit int) ([]webhook.Endpoint, error) {
	prefix := []byte{byte(spaceEndpoint)}
	if clientID != "" {
		prefix = clientPrefix(clientID)
	}
	var out []webhook.Endpoint
	err := s.view("list webhooks", func(tx *badger.Txn) error {
		scan := newBackwards(tx, prefix)
		defer scan.close()
		scan.seek(appendNumber(slices.Clone(prefix), before-1)) // 0 wraps round to the largest
		for allowance := unbounded; len(out) < limit && scan.next(prefix, &allowance) == found; {
			record, err := readEndpoint(tx, lastNumber(scan.key))
			if err != nil {
				return err
			}
			if record.Deleted() {
				continue
			}
			e, err := record.open(s.keys)
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	return out, err
}

// EachEndpoint calls visit for every endpoint, deleted or not, in ascending order.
func (s *Store) EachEndpoint(visit func(webhook.Endpoint) error) error {
	return s.view("read webhooks", func(tx *badger.Txn) error {
		it := forward(tx, []byte{byte(spaceEndpoint)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			e, err := decoded(it, decodeEndpoint)
			if err != nil {
				return err
			}
			if err := visit(e.Endpoint); err != nil {
				return err
			}
		}
		return nil
	})
}

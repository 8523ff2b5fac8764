package badgerstore

import (
	"container/heap"
	"context"
	"errors"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// ListDeliveries returns deliveries newest first. For one endpoint it merges the spaces
// of the wanted status; for a client, those of all its endpoints, which costs one seek
// for each; for all clients, it walks the events in order of time. A page looks at no
// more than 10 × limit + 1,000 keys that it does not return: then it ends early, so that
// no filter makes a request expensive.
func (s *Store) ListDeliveries(_ context.Context, q webhook.DeliveryQuery) (webhook.DeliveryPage, error) {
	return view(s, "list deliveries", func(tx *badger.Txn) (webhook.DeliveryPage, error) {
		return listPage(tx, q, spacesOf(q.Status))
	})
}

// spacesOf returns the spaces that hold deliveries of a status, "" for any.
func spacesOf(status webhook.Status) []layout.Space {
	switch status {
	case "":
		return layout.DeliverySpaces
	case webhook.Queued, webhook.Retrying:
		return []layout.Space{layout.SpaceOf(status)}
	}
	return finishedSpaces(status)
}

// lister makes one page of a list.
type lister struct {
	tx           *badger.Txn
	q            webhook.DeliveryQuery
	spaces       []layout.Space
	since, until uint64 // since ≤ Seq < until
	// allowance is how many more keys may be looked at without a result.
	allowance int
	page      webhook.DeliveryPage
}

// listPage returns one page of the deliveries in some spaces. What was delivered has no
// reason, so that a filter by reason does not look at it.
func listPage(tx *badger.Txn, q webhook.DeliveryQuery, spaces []layout.Space) (webhook.DeliveryPage, error) {
	if q.Reason != webhook.ReasonNone {
		spaces = slices.DeleteFunc(slices.Clone(spaces), func(s layout.Space) bool { return s == layout.SpaceDelivered })
	}
	l := &lister{tx: tx, q: q, spaces: spaces, allowance: webhook.MaxLooks(q.Limit)}
	l.since, l.until = storage.SeqsOf(q.Since, q.Until)
	// An empty range, or a status that no space holds: there is nothing to scan.
	if l.until <= l.since || len(spaces) == 0 {
		return l.page, nil
	}
	// A merge over all endpoints would take a seek for each of up to two million.
	if q.Endpoint == 0 && q.ClientID == "" {
		err := l.walkEvents()
		return l.page, err
	}
	endpoints, err := l.endpoints()
	if err == nil {
		err = l.merge(endpoints)
	}
	return l.page, err
}

// endpoints returns those whose deliveries the list has.
func (l *lister) endpoints() ([]webhook.EndpointNumber, error) {
	if l.q.Endpoint != 0 && l.q.ClientID == "" {
		return []webhook.EndpointNumber{l.q.Endpoint}, nil
	}
	if l.q.Endpoint != 0 {
		// Foreign and missing endpoints look the same: an empty list.
		theirs, err := has(l.tx, layout.ClientKey(l.q.ClientID, l.q.Endpoint))
		if err != nil || !theirs {
			return nil, err
		}
		return []webhook.EndpointNumber{l.q.Endpoint}, nil
	}
	return endpointsOf(l.tx, l.q.ClientID), nil
}

// endpointsOf returns a client's endpoints, ascending. Deleted ones are among them: their
// deliveries stay listed.
func endpointsOf(tx *badger.Txn, client string) (out []webhook.EndpointNumber) {
	it := forward(tx, layout.ClientPrefix(client))
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		out = append(out, layout.LastNumber(it.Item().Key()))
	}
	return out
}

// start returns the newest ID of an endpoint that the list can have; false if none.
func (l *lister) start(n webhook.EndpointNumber) (webhook.ID, bool) {
	return storage.ListStart(n, l.until, l.q.Before)
}

// wants reports whether a delivery matches the filters, and completes one that does as
// lists show it. Only a filter by code needs to look up the attempt of what is passed
// over, which counts as a second look.
func (l *lister) wants(d *webhook.Delivery) (bool, error) {
	if !l.q.Selects(d) {
		return false, nil
	}
	if err := readListed(l.tx, d); err != nil {
		return false, err
	}
	if l.q.Code.Selects(d.LastAttempt()) {
		return true, nil
	}
	l.allowance--
	return false, nil
}

// take adds a delivery to the page if it matches, and reports whether the page
// continues; otherwise the next page begins after the delivery.
//
// A match is added even when the allowance is used up: the page ends at the first key
// without a result after that, or where a scan stopped.
func (l *lister) take(d *webhook.Delivery) (bool, error) {
	wanted, err := l.wants(d)
	if err != nil {
		return false, err
	}
	if !wanted {
		l.allowance--
		return l.continues(d.ID), nil
	}
	l.page.Deliveries = append(l.page.Deliveries, *d)
	if len(l.page.Deliveries) < l.q.Limit {
		return true, nil
	}
	l.page.Next = d.ID
	return false, nil
}

// continues reports whether the page continues after a key without a result.
func (l *lister) continues(id webhook.ID) bool {
	if len(l.page.Deliveries) < l.q.Limit && l.allowance > 0 {
		return true
	}
	l.page.Next = id
	return false
}

// merge lists the deliveries of some endpoints: each space of each endpoint is a source
// in order, and the newest head of all sources is next.
func (l *lister) merge(endpoints []webhook.EndpointNumber) error {
	scans := make([]*sharedScan, 0, len(l.spaces))
	defer func() {
		for _, scan := range scans {
			scan.Close()
		}
	}()
	var sources sourceHeap
	for _, s := range l.spaces {
		prefix := s.Prefix()
		// A narrower prefix lets Badger leave out tables that hold no such key.
		if len(endpoints) == 1 {
			prefix = layout.EndpointKey(s, endpoints[0])
		}
		// One iterator per space, for all endpoints: a client can have a thousand.
		scan := &sharedScan{Backward: engine.NewBackward(l.tx, prefix)}
		scans = append(scans, scan)
		for _, n := range endpoints {
			if from, ok := l.start(n); ok {
				sources = append(sources, &source{scan: scan, space: s, prefix: layout.EndpointKey(s, n), next: from})
			}
		}
	}
	return l.mergeSources(sources)
}

// mergeSources takes the newest delivery again and again until the page ends.
func (l *lister) mergeSources(sources sourceHeap) error {
	for _, src := range sources {
		src.advance(l)
	}
	sources = slices.DeleteFunc(sources, func(src *source) bool { return src.step == engine.Ended })
	// Each source knows its newest delivery now, which is all that the heap compares.
	heap.Init(&sources)
	for len(sources) > 0 {
		src := sources[0]
		// The newest head is a removed key at which the allowance ended. Whatever comes after
		// it in other sources is older, so the page ends here.
		if src.step == engine.Stopped {
			l.page.Next = src.id
			return nil
		}
		d, err := src.delivery(l.tx)
		if err != nil {
			return err
		}
		more, err := l.take(&d)
		if err != nil {
			return err
		}
		if src.advance(l); src.step == engine.Ended {
			heap.Pop(&sources)
		} else {
			heap.Fix(&sources, 0)
		}
		if !more {
			// The page is full and nothing follows: there is no next page to ask for.
			if len(sources) == 0 {
				l.page.Next = webhook.ID{}
			}
			return nil
		}
	}
	return nil
}

// walkEvents lists the deliveries of all clients: for each event, newest first, those of
// its recipients. That way nobody has to keep one list of all deliveries on disk.
func (l *lister) walkEvents() error {
	// Events have the endpoint number 0, which comes first among equal Seqs.
	first, ok := l.start(0)
	if before := l.q.Before; before.Endpoint != 0 { // the event of the last delivery may have more deliveries
		first, ok = layout.LastID(0), true
		first.Seq = l.until - 1
		if event := before.Event(); event.Compare(first) < 0 {
			first = event
		}
	}
	if !ok {
		return nil
	}
	prefix := layout.SpaceEvent.Prefix()
	// Newest first is backwards: keys ascend with time.
	scan := engine.NewBackward(l.tx, prefix)
	defer scan.Close()
	for scan.Seek(layout.EventKey(first)); ; {
		step := scan.Next(prefix, &l.allowance)
		if step == engine.Ended {
			return nil
		}
		id := layout.ParseEventKey(scan.Key)
		// Events are in order of time: no later one can match.
		if id.Seq < l.since {
			return nil
		}
		if step == engine.Stopped {
			l.page.Next = id
			return nil
		}
		if more, err := l.walkEvent(id, scan.Value); err != nil || !more {
			return err
		}
	}
}

// walkEvent lists the deliveries of one event, and reports whether the page continues.
func (l *lister) walkEvent(id webhook.ID, value []byte) (bool, error) {
	if name, err := record.DecodeTypeOfEvent(value); err != nil {
		return false, err
	} else if l.q.EventType != "" && l.q.EventType != name {
		l.allowance--
		return l.continues(id), nil
	}
	endpoints, err := record.DecodeRecipients(value)
	if err == nil {
		endpoints, err = withParts(l.tx, id, endpoints)
	}
	if err != nil {
		return false, err
	}
	// Newest first means the largest endpoint number first among equal events.
	for _, n := range slices.Backward(endpoints) {
		if before := l.q.Before; id == before.Event() && n >= before.Endpoint {
			continue
		}
		if more, err := l.lookUp(id.For(n)); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// lookUp takes a delivery if it is stored, and reports whether the page continues.
func (l *lister) lookUp(id webhook.ID) (bool, error) {
	d, err := findDelivery(l.tx, id, l.spaces)
	if errors.Is(err, webhook.ErrNotFound) { // expired, or of another status
		l.allowance--
		return l.continues(id), nil
	}
	if err != nil {
		return false, err
	}
	return l.take(&d)
}

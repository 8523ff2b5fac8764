package tables

import (
	"container/heap"
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// lister makes one page of a list.
type lister struct {
	Finder
	tx           pgx.Tx
	q            webhook.DeliveryQuery
	scans        []Scan
	since, until uint64 // since ≤ Seq < until
	// allowance is how many more rows may be looked at without a result.
	allowance int
	page      webhook.DeliveryPage
}

// ListPage returns one page of the deliveries that some scans find.
func (f Finder) ListPage(ctx context.Context, tx pgx.Tx, q webhook.DeliveryQuery, scans []Scan) (webhook.DeliveryPage, error) {
	if q.Reason != webhook.ReasonNone {
		scans = failing(scans)
	}
	l := &lister{Finder: f, tx: tx, q: q, scans: scans, allowance: webhook.MaxLooks(q.Limit)}
	l.since, l.until = storage.SeqsOf(q.Since, q.Until)
	l.until = min(l.until, maxSeq)
	// An empty range, or a status that is never stored: there is nothing to read.
	if l.until <= l.since || len(scans) == 0 {
		return l.page, nil
	}
	var err error
	if q.Endpoint == 0 && q.ClientID == "" {
		err = l.walkEvents(ctx) // a merge over all endpoints would begin with a look at each
	} else {
		err = l.listEndpoints(ctx)
	}
	if err != nil {
		return webhook.DeliveryPage{}, err
	}
	return l.page, nil
}

var (
	numbersOfClient = Statement("list.client", `SELECT number FROM endpoint WHERE client = $1 ORDER BY number`)
	clientHas       = Statement("list.clientHas", `SELECT number FROM endpoint WHERE client = $1 AND number = $2`)
)

// listEndpoints lists the deliveries of those endpoints that the query allows, deleted
// ones included. Foreign and missing endpoints look the same: their list is empty.
func (l *lister) listEndpoints(ctx context.Context) error {
	if l.q.ClientID == "" {
		return l.merge(ctx, []webhook.EndpointNumber{l.q.Endpoint})
	}
	text, args := numbersOfClient, []any{NameOf(l.q.ClientID)}
	if l.q.Endpoint != 0 {
		text, args = clientHas, append(args, int32(l.q.Endpoint))
	}
	endpoints, err := readNumbers(ctx, l.tx, text, args...)
	if err != nil {
		return err
	}
	return l.merge(ctx, endpoints)
}

// readNumbers returns the endpoints that a statement finds.
func readNumbers(ctx context.Context, tx pgx.Tx, text string, args ...any) ([]webhook.EndpointNumber, error) {
	rows, err := tx.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	endpoints := make([]webhook.EndpointNumber, len(numbers))
	for i, n := range numbers {
		endpoints[i] = webhook.EndpointNumber(n)
	}
	return endpoints, err
}

// start returns the newest ID of an endpoint that the list can have; false if none.
func (l *lister) start(n webhook.EndpointNumber) (webhook.ID, bool) {
	return storage.ListStart(n, l.until, l.q.Before)
}

// wants reports whether a delivery matches the filters and has not expired.
func (l *lister) wants(d *webhook.Delivery) bool {
	return l.q.Selects(d) && l.q.Code.Selects(d.LastAttempt()) && !l.expired(d)
}

// take adds a delivery to the page if it matches, and reports whether the page
// continues; otherwise the next page begins after the delivery.
//
// A match is added even when the allowance is used up: the page ends at the first row
// without a result after that.
func (l *lister) take(d *webhook.Delivery) bool {
	if !l.wants(d) {
		l.allowance--
		return l.continues(d.ID)
	}
	l.page.Deliveries = append(l.page.Deliveries, *d)
	if len(l.page.Deliveries) < l.q.Limit {
		return true
	}
	l.page.Next = d.ID
	return false
}

// continues reports whether the page continues after a row.
func (l *lister) continues(id webhook.ID) bool {
	if len(l.page.Deliveries) < l.q.Limit && l.allowance > 0 {
		return true
	}
	l.page.Next = id
	return false
}

// maxChunk bounds the rows that one look into a source reads, unless the page is larger.
const maxChunk = 500

// merge lists the deliveries of some endpoints: each scan of each endpoint is a source in
// order, and the newest head of all sources is next.
func (l *lister) merge(ctx context.Context, endpoints []webhook.EndpointNumber) error {
	var sources sourceHeap
	for _, n := range endpoints {
		if from, ok := l.start(n); ok {
			for _, how := range l.scans {
				sources = append(sources, &source{scan: how, next: from})
			}
		}
	}
	// What a page needs if all sources have about as much of it.
	size := (l.q.Limit+1)/max(len(sources), 1) + 2
	if err := l.fill(ctx, size, sources...); err != nil {
		return err
	}
	sources = sources.filled()
	heap.Init(&sources)
	for len(sources) > 0 {
		src := sources[0]
		more := l.take(&src.rows[0])
		if src.rows = src.rows[1:]; len(src.rows) == 0 && !src.ended && more {
			// Larger each time: what a page leaves out may be long.
			size = min(2*size, max(l.q.Limit+1, maxChunk))
			if err := l.fill(ctx, size, src); err != nil {
				return err
			}
		}
		if len(src.rows) == 0 && (src.ended || more) {
			heap.Pop(&sources)
		} else if more {
			heap.Fix(&sources, 0)
		}
		if !more {
			if len(sources) == 0 { // the page is full and nothing follows
				l.page.Next = webhook.ID{}
			}
			return nil
		}
	}
	return nil
}

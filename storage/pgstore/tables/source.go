package tables

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// Scan is a way to read the deliveries of one endpoint, newest first: a table, or the
// part of it that an index leads to.
type Scan string

const (
	scanQueued      Scan = "queued"
	scanRetrying    Scan = "retrying"
	scanDone        Scan = "done"
	scanUndelivered Scan = "undelivered" // those of done that failed or were cancelled
)

// ScansOf returns the scans that find deliveries of a status, "" for any.
func ScansOf(status webhook.Status) []Scan {
	switch status {
	case "":
		return []Scan{scanQueued, scanRetrying, scanDone}
	case webhook.Queued:
		return []Scan{scanQueued}
	case webhook.Retrying:
		return []Scan{scanRetrying}
	}
	return FinishedScans(status)
}

// FinishedScans returns the scans that find finished deliveries of a status, "" for any;
// none for a status that is not final.
func FinishedScans(status webhook.Status) []Scan {
	switch status {
	case "", webhook.Delivered:
		return []Scan{scanDone}
	case webhook.Failed, webhook.Cancelled:
		return []Scan{scanUndelivered}
	}
	return nil
}

// failing returns scans that find the same except what was delivered, which has no reason.
func failing(scans []Scan) (out []Scan) {
	for _, s := range scans {
		if s == scanDone {
			s = scanUndelivered
		}
		out = append(out, s)
	}
	return out
}

const scanSQL = `SELECT endpoint, seq, nonce, record FROM TABLE WHERE part = $1 AND endpoint = $2
	AND seq <= $3 AND (seq, nonce) <= ($3, $4) AND seq >= $5 ORDER BY seq DESC, nonce DESC LIMIT $6`

// Scans are the statements of all scans.
var Scans = map[Scan]string{
	scanQueued:   ForTables("list", scanSQL, QueuedTable)[QueuedTable],
	scanRetrying: ForTables("list", scanSQL, RetryingTable)[RetryingTable],
	scanDone:     ForTables("list", scanSQL, DoneTable)[DoneTable],
	scanUndelivered: Statement("list.undelivered", `SELECT endpoint, seq, nonce, record FROM done WHERE status > 1 AND part = $1 AND endpoint = $2
		AND seq <= $3 AND (seq, nonce) <= ($3, $4) AND seq >= $5 ORDER BY seq DESC, nonce DESC LIMIT $6`),
}

// source is what one scan finds of one endpoint, newest first, read in chunks.
type source struct {
	scan Scan
	next webhook.ID         // the newest that the next chunk can have
	rows []webhook.Delivery // read and not taken yet
	// ended says that nothing follows rows.
	ended bool
}

// fill reads the next chunk of some sources, in one round trip.
func (l *lister) fill(ctx context.Context, size int, sources ...*source) error {
	batch := &pgx.Batch{}
	for _, src := range sources {
		k := KeyOf(src.next)
		batch.Queue(Scans[src.scan], k.Part, k.Endpoint, k.Seq, k.Nonce, int64(l.since), size).Query(func(rows pgx.Rows) error {
			err := eachDelivery(rows, func(d webhook.Delivery) { src.rows = append(src.rows, d) })
			if err == nil {
				src.read(size)
			}
			return err
		})
	}
	if err := l.tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	for _, src := range sources {
		if err := l.completeFor(ctx, src.rows); err != nil {
			return err
		}
	}
	return nil
}

// completeFor adds to deliveries what the filters look at and their own records lack.
func (l *lister) completeFor(ctx context.Context, rows []webhook.Delivery) error {
	if l.q.EventType != "" {
		if err := EventTypes(ctx, l.tx, rows); err != nil {
			return err
		}
	}
	if l.q.Code == "" {
		return nil
	}
	return ReadLatest(ctx, l.tx, rows)
}

// read notes where the next chunk begins, after one of up to size rows.
func (src *source) read(size int) {
	if src.ended = len(src.rows) < size; src.ended {
		return
	}
	before, ok := storage.PreviousID(src.rows[len(src.rows)-1].ID)
	src.next, src.ended = before, !ok
}

// sourceHeap has the source with the newest delivery first. All of its sources have one.
type sourceHeap []*source

// filled returns the sources that found anything.
func (h sourceHeap) filled() sourceHeap {
	var out sourceHeap
	for _, src := range h {
		if len(src.rows) > 0 {
			out = append(out, src)
		}
	}
	return out
}

// Len returns the number of sources.
func (h sourceHeap) Len() int { return len(h) }

// Less reports whether source i comes first: its delivery is newer.
func (h sourceHeap) Less(i, j int) bool { return h[i].rows[0].ID.Compare(h[j].rows[0].ID) > 0 }

// Swap exchanges two sources.
func (h sourceHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push adds a source.
func (h *sourceHeap) Push(x any) { *h = append(*h, x.(*source)) }

// Pop removes the last source.
func (h *sourceHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

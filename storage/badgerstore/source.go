package badgerstore

import (
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// sharedScan is a scan that the sources of several endpoints use in turn: an iterator
// costs more than the seek when the user changes.
type sharedScan struct {
	*engine.Backward
	user *source
}

// source reads the deliveries of one endpoint in one space, newest first. A list merges
// the sources of all the spaces and endpoints that it covers.
type source struct {
	scan   *sharedScan
	space  layout.Space
	prefix []byte
	next   webhook.ID // where the scan continues after another source used it

	// These are the result of advance: id and record are valid unless step is Ended, and
	// record only if step is Found.
	step   engine.Step
	id     webhook.ID
	record []byte
}

// advance steps to the next delivery. Removed keys on the way use up the list's
// allowance. The scan's key and value are valid until its next step only, and another
// source may take that, so advance copies the record.
func (s *source) advance(l *lister) {
	if s.scan.user != s {
		s.scan.user = s
		s.scan.Seek(layout.DeliveryKey(s.space, s.next))
	}
	if s.step = s.scan.Next(s.prefix, &l.allowance); s.step == engine.Ended {
		return
	}
	s.id = layout.ParseDeliveryKey(s.scan.Key)
	s.record = append(s.record[:0], s.scan.Value...)
	var more bool
	if s.next, more = storage.PreviousID(s.id); !more {
		s.next = s.id
	}
	if s.id.Seq < l.since {
		s.step = engine.Ended
	}
}

// delivery decodes the record of the last advance. A queued delivery that was never tried
// has no record but a version byte; its type stands in the event.
func (s *source) delivery(tx *badger.Txn) (webhook.Delivery, error) {
	d, err := record.DecodeDelivery(s.id, s.record)
	if err == nil && d.EventType == "" {
		d.EventType, err = readEventType(tx, s.id)
	}
	return d, err
}

// sourceHeap has the source with the newest delivery on top. A delivery that moved to
// another space leaves a removed key behind: of two sources at the same ID, the one that
// found the delivery comes before the one that stopped at the removed key.
type sourceHeap []*source

func (h sourceHeap) Len() int      { return len(h) }
func (h sourceHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h sourceHeap) Less(i, j int) bool {
	if order := h[i].id.Compare(h[j].id); order != 0 {
		return order > 0
	}
	return h[i].step < h[j].step
}

// Push adds a source, for container/heap.
func (h *sourceHeap) Push(x any) { *h = append(*h, x.(*source)) }

// Pop removes the last source, for container/heap.
func (h *sourceHeap) Pop() any {
	last := len(*h) - 1
	src := (*h)[last]
	*h = slices.Delete(*h, last, last+1)
	return src
}

package badgerstore

import (
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// sharedScan is a scan that several sources use in turn: an iterator per source would
// take too much memory for a client with many endpoints.
type sharedScan struct {
	*engine.Backward
	user *source
}

// source is one space of one endpoint as a list, newest first. Several are merged.
type source struct {
	scan   *sharedScan
	space  layout.Space
	prefix []byte
	next   webhook.ID // where advance continues

	// What advance found.
	step   engine.Step
	id     webhook.ID
	record []byte
}

// advance steps to the next delivery.
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
	if s.next, more = layout.PreviousID(s.id); !more {
		s.next = s.id
	}
	if s.id.Seq < l.since {
		s.step = engine.Ended
	}
}

// delivery returns the delivery that advance found.
func (s *source) delivery(tx *badger.Txn) (webhook.Delivery, error) {
	d, err := layout.DecodeDelivery(s.id, s.record)
	if err == nil && d.EventType == "" {
		d.EventType, err = readEventType(tx, s.id)
	}
	return d, err
}

// sourceHeap has the source with the newest delivery on top. A source that stopped
// at a removed key comes after the one that has the same delivery, moved.
type sourceHeap []*source

func (h sourceHeap) Len() int      { return len(h) }
func (h sourceHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h sourceHeap) Less(i, j int) bool {
	if order := h[i].id.Compare(h[j].id); order != 0 {
		return order > 0
	}
	return h[i].step < h[j].step
}

// Push adds a source, for package heap.
func (h *sourceHeap) Push(x any) { *h = append(*h, x.(*source)) }

// Pop removes the last source, for package heap.
func (h *sourceHeap) Pop() any {
	last := len(*h) - 1
	src := (*h)[last]
	*h = slices.Delete(*h, last, last+1)
	return src
}

package badgerstore

import (
	"bytes"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/webhook"
)

// logScan walks a space of the logs beside the events that are reaped. Both are in order
// of time and few events have a log, so that one pass costs less than a look-up each.
type logScan struct {
	space layout.Space
	it    *badger.Iterator
	begun bool
}

// goTo moves to the first key of an event, or of a later one. Events must ascend.
func (s *logScan) goTo(prefix []byte) {
	if s.begun && (!s.it.Valid() || bytes.Compare(s.it.Item().Key(), prefix) >= 0) {
		return
	}
	// One seek passes the logs of all events in between, however many these are.
	s.it.Seek(prefix)
	s.begun = true
}

// reapLogs removes the attempts of an event's deliveries, as far as the call may still
// look at keys, and reports whether all are removed.
func (r *reaping) reapLogs(id webhook.ID) bool {
	for _, scan := range r.logScans() {
		prefix := layout.LogPrefix(scan.space, id)
		for scan.goTo(prefix); scan.it.ValidForPrefix(prefix); scan.it.Next() {
			if r.left <= 0 {
				return false
			}
			r.left--
			r.change.remove(scan.it.Item().KeyCopy(nil))
		}
	}
	return true
}

// reapExpiredLogs removes the attempts of those deliveries of an event that have
// expired, while other deliveries keep the event. What is too much for one call stays
// for the next round.
func (r *reaping) reapExpiredLogs(id webhook.ID) error {
	for _, scan := range r.logScans() {
		prefix, delivery, gone := layout.LogPrefix(scan.space, id), webhook.ID{}, false
		for scan.goTo(prefix); scan.it.ValidForPrefix(prefix); scan.it.Next() {
			if of := layout.ParseLogKey(scan.it.Item().Key()); of != delivery {
				there, err := r.has(of)
				if err != nil {
					return err
				}
				delivery, gone = of, !there
			}
			if gone && r.left > 0 {
				r.left--
				r.change.remove(scan.it.Item().KeyCopy(nil))
			}
		}
	}
	return nil
}

// has reports whether a delivery is still stored.
func (r *reaping) has(id webhook.ID) (there bool, err error) {
	for _, s := range layout.DeliverySpaces {
		if there, err = has(r.tx, layout.DeliveryKey(s, id)); there || err != nil {
			return there, err
		}
	}
	return false, nil
}

// logScans returns the scans of this call, which it opens when first needed.
func (r *reaping) logScans() []*logScan {
	if r.logs == nil {
		for _, s := range []layout.Space{layout.SpaceAttempt, layout.SpaceBody} {
			r.logs = append(r.logs, &logScan{space: s, it: forward(r.tx, s.Prefix())})
		}
	}
	return r.logs
}

// closeLogs closes the scans.
func (r *reaping) closeLogs() {
	for _, scan := range r.logs {
		scan.it.Close()
	}
}

package stats

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// MaxKept bounds the endpoints in a Book, 500 bytes each. Beyond that, those that failed
// lately displace others.
const MaxKept = 1 << 14

// Book has the last hours of endpoints for the next process, which an actor of another
// process, or on another node, takes over. It keeps counts and the last failure of each, and
// of the latencies a sketch for each ten minutes. It is safe for concurrent use.
type Book struct {
	mu    sync.Mutex
	hours map[webhook.EndpointNumber]kept
	// changed says that something was put in since the last Encode.
	changed bool
}

// kept is an Hour with sketches in place of its histograms.
type kept struct {
	receiverSince uint64
	parts         [statsSlices]counts
	lastAttempt   time.Time
	lastSuccess   time.Time
	lastFailure   time.Time
	lastReason    webhook.Reason
	lastStatus    int
}

// counts are the attempts of ten minutes.
type counts struct {
	number, successes, failures int64
	latencies                   sketch
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{hours: make(map[webhook.EndpointNumber]kept)} }

// Put notes what is known of an endpoint.
func (b *Book) Put(n webhook.EndpointNumber, h *Hour) {
	k := kept{
		receiverSince: h.receiverSince, lastAttempt: h.lastAttempt, lastSuccess: h.lastSuccess, lastFailure: h.lastFailure,
		lastReason: h.lastReason, lastStatus: h.lastStatus,
	}
	for i, part := range h.slices {
		if part != nil {
			k.parts[i] = counts{part.number, part.successes, part.failures, newSketch(&part.latencies)}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.lastAttempt.IsZero() {
		delete(b.hours, n) // the figures were another receiver's
		return
	}
	b.putLocked(n, k)
	b.changed = true
}

// putLocked takes an endpoint in, if there is room for it.
func (b *Book) putLocked(n webhook.EndpointNumber, k kept) {
	if _, known := b.hours[n]; !known && len(b.hours) >= MaxKept {
		if k.lastFailure.IsZero() {
			return
		}
		for other, has := range b.hours { // any without a failure
			if has.lastFailure.IsZero() {
				delete(b.hours, other)
				break
			}
		}
		if len(b.hours) >= MaxKept {
			return
		}
	}
	b.hours[n] = k
}

// Hour returns the last hour of an endpoint; an empty one if nothing is known of it.
func (b *Book) Hour(n webhook.EndpointNumber, now time.Time) (h Hour) {
	b.mu.Lock()
	k, known := b.hours[n]
	b.mu.Unlock()
	if !known || now.Sub(k.lastAttempt) > statsSlice*statsSlices {
		return h
	}
	h = Hour{
		receiverSince: k.receiverSince, lastAttempt: k.lastAttempt, lastSuccess: k.lastSuccess, lastFailure: k.lastFailure,
		lastReason: k.lastReason, lastStatus: k.lastStatus,
	}
	for i, c := range k.parts {
		if c.number != 0 {
			h.slices[i] = &statsPart{number: c.number, successes: c.successes, failures: c.failures}
			c.latencies.fill(&h.slices[i].latencies)
		}
	}
	return h
}

// bookVersion is the first byte of what Encode writes. Before withLatencies there were none.
const (
	bookVersion   = 2
	withLatencies = 2
)

// Encode returns all endpoints with an attempt in the last hour, as values of at most size
// bytes each, and forgets the others. It returns false, and nothing, if nothing was put in
// since the last call.
func (b *Book) Encode(now time.Time, size int) (values [][]byte, changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.changed {
		return nil, false
	}
	b.changed = false
	value := []byte{bookVersion}
	for n, k := range b.hours {
		if now.Sub(k.lastAttempt) > statsSlice*statsSlices {
			delete(b.hours, n)
			continue
		}
		entry := k.append(binary.AppendUvarint(nil, uint64(n)))
		if len(value)+len(entry) > size {
			values, value = append(values, value), []byte{bookVersion}
		}
		value = append(value, entry...)
	}
	return append(values, value), true
}

// append appends an endpoint's hour: times in milliseconds, those beside the last attempt
// as a distance from it, and the ten minutes as a distance from its own.
func (k *kept) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, k.receiverSince)
	dst = binary.AppendUvarint(dst, uint64(k.lastAttempt.UnixMilli()))
	for _, at := range []time.Time{k.lastSuccess, k.lastFailure} {
		before := uint64(0)
		if !at.IsZero() {
			before = 1 + uint64(max(k.lastAttempt.Sub(at).Milliseconds(), 0))
		}
		dst = binary.AppendUvarint(dst, before)
	}
	dst = binary.AppendUvarint(dst, uint64(len(k.lastReason)))
	dst = append(dst, k.lastReason...)
	dst = binary.AppendUvarint(dst, uint64(k.lastStatus))
	newest := k.lastAttempt.UnixNano() / int64(statsSlice)
	for ago := range int64(statsSlices) {
		c := k.parts[(newest-ago)%statsSlices]
		if c.number != newest-ago {
			c = counts{}
		}
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(c.successes)), uint64(c.failures))
		dst = c.latencies.append(dst)
	}
	return dst
}

// errBook is the error of bytes that Encode did not write.
var errBook = errors.New("figures of the last hour cannot be read")

// Restore takes over the endpoints of a value that Encode returned, of those for which
// wants returns true and of which nothing is known yet. It calls visit for each of them. An
// error says that the value, or the rest of it, cannot be read.
func (b *Book) Restore(value []byte, wants func(webhook.EndpointNumber) bool, visit func(webhook.EndpointNumber, *Hour)) error {
	if len(value) == 0 || value[0] < 1 || value[0] > bookVersion {
		return errBook
	}
	r := &reader{version: value[0], rest: value[1:]}
	for len(r.rest) > 0 {
		n, k := webhook.EndpointNumber(r.next()), r.kept()
		if r.failed {
			return errBook
		}
		b.mu.Lock()
		_, known := b.hours[n]
		take := !known && wants(n)
		if take {
			b.putLocked(n, k)
		}
		b.mu.Unlock()
		if take {
			h := b.Hour(n, k.lastAttempt)
			visit(n, &h)
		}
	}
	return nil
}

// reader reads numbers; after a failure it returns zeros.
type reader struct {
	version byte
	rest    []byte
	failed  bool
}

func (r *reader) next() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.rest, r.failed = nil, true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// text reads a length and as many bytes.
func (r *reader) text() string {
	size := r.next()
	if size > uint64(len(r.rest)) {
		r.rest, r.failed = nil, true
		return ""
	}
	text := string(r.rest[:size])
	r.rest = r.rest[size:]
	return text
}

// kept reads what append wrote.
func (r *reader) kept() (k kept) {
	k.receiverSince = r.next()
	k.lastAttempt = time.UnixMilli(int64(r.next()))
	for _, at := range []*time.Time{&k.lastSuccess, &k.lastFailure} {
		if before := r.next(); before > 0 {
			*at = k.lastAttempt.Add(-time.Duration(before-1) * time.Millisecond)
		}
	}
	k.lastReason = webhook.Reason(r.text())
	if !slices.Contains(webhook.Reasons, k.lastReason) { // of a newer version
		k.lastReason = webhook.ReasonNone
	}
	k.lastStatus = int(r.next())
	newest := k.lastAttempt.UnixNano() / int64(statsSlice)
	for ago := range int64(statsSlices) {
		c := counts{number: newest - ago, successes: int64(r.next()), failures: int64(r.next())}
		if r.version >= withLatencies {
			c.latencies = r.sketch()
		}
		if c.successes+c.failures > 0 && c.number > 0 {
			k.parts[c.number%statsSlices] = c
		}
	}
	return k
}

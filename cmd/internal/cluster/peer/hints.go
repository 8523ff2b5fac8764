package peer

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// Hint says that an event was stored with deliveries for endpoints of the receiver.
type Hint struct {
	// ID is the event's. If it is zero, the queues are to be read from their beginning.
	ID   webhook.ID
	Type string
	// Data is the event's canonical data. Without it the receiver reads it from storage.
	Data      []byte
	ByHand    bool // a person asked for it
	Forwarded bool // the node that got it first did not own the endpoints any more
	Endpoints []webhook.EndpointNumber
}

// batch is the body of one request with hints: the number of the batch among those of its
// pair, then hints. A receiver that misses a number looks in storage.
const (
	batchHead = 8
	// MaxHintEndpoints bounds the endpoints of one hint; an event for more is several.
	MaxHintEndpoints = 4096
)

const (
	flagByHand byte = 1 << iota
	flagForwarded
	flagsAll = 1<<iota - 1
)

var errHint = errors.New("the hints cannot be read")

// size returns how long a hint is once it is encoded.
func (h *Hint) size() int { return 1 + 12 + 2 + len(h.Type) + 4 + len(h.Data) + 2 + 4*len(h.Endpoints) }

// appendTo appends the hint to a batch.
func (h *Hint) appendTo(b []byte) []byte {
	flags := flag(h.ByHand, flagByHand) | flag(h.Forwarded, flagForwarded)
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, h.ID.Seq)
	b = binary.BigEndian.AppendUint32(b, h.ID.Nonce)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Type)))
	b = append(b, h.Type...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(h.Data)))
	b = append(b, h.Data...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Endpoints)))
	for _, n := range h.Endpoints {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func flag(set bool, f byte) byte {
	if set {
		return f
	}
	return 0
}

// parseBatch reads a batch. The hints share the memory of b.
func parseBatch(b []byte) (number uint64, hints []Hint, err error) {
	if len(b) < batchHead {
		return 0, nil, errHint
	}
	number, b = binary.BigEndian.Uint64(b), b[batchHead:]
	for len(b) > 0 {
		r := reader{b: b}
		h := r.hint()
		if r.failed || !h.sound() {
			return 0, nil, errHint
		}
		hints, b = append(hints, h), r.b
	}
	return number, hints, nil
}

// sound reports whether a hint can be one that a node sends.
func (h *Hint) sound() bool {
	if len(h.Endpoints) == 0 || len(h.Endpoints) > MaxHintEndpoints || slices.Contains(h.Endpoints, 0) {
		return false
	}
	if len(h.Data) == 0 {
		return h.Type == "" || webhook.ValidateEventType(h.Type) == nil
	}
	return h.ID != webhook.ID{} && len(h.Data) <= webhook.MaxPayload && webhook.ValidateEventType(h.Type) == nil
}

// reader takes fields off the front of a batch.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) hint() (h Hint) {
	flags := r.take(1)[0]
	r.failed = r.failed || flags > flagsAll
	h.ByHand, h.Forwarded = flags&flagByHand != 0, flags&flagForwarded != 0
	h.ID = webhook.ID{Seq: binary.BigEndian.Uint64(r.take(8)), Nonce: binary.BigEndian.Uint32(r.take(4))}
	h.Type = string(r.take(int(binary.BigEndian.Uint16(r.take(2)))))
	if data := r.take(int(binary.BigEndian.Uint32(r.take(4)))); len(data) > 0 {
		h.Data = data
	}
	numbers := r.take(4 * int(binary.BigEndian.Uint16(r.take(2))))
	for ; len(numbers) >= 4; numbers = numbers[4:] {
		h.Endpoints = append(h.Endpoints, webhook.EndpointNumber(binary.BigEndian.Uint32(numbers)))
	}
	return h
}

// take returns the next n bytes. If there are fewer, the reader has failed and the result
// has 8 zeros, which is enough for any number.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.failed, r.b = true, nil
		return make([]byte, 8)
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

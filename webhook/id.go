package webhook

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// ID identifies an event, an endpoint or a delivery: 16 bytes, ordered by time.
//
// The three kinds share one layout so that each can be found from the other
// without a look-up: a delivery's ID is its event's with the endpoint's number
// filled in, and an endpoint's ID carries its own number.
type ID struct {
	// Seq orders IDs: Unix milliseconds in the upper 44 bits, a counter in the
	// lower 20. It is issued by a Sequence and never decreases.
	Seq uint64
	// Endpoint is the number of the endpoint; 0 in the ID of an event.
	Endpoint EndpointNumber
	// Nonce is random, the same for an event and all of its deliveries, so that
	// two servers do not issue one ID twice.
	Nonce uint32
}

// EndpointNumber is the short internal name of an endpoint: from 1, ascending
// in order of registration, never used twice.
type EndpointNumber uint32

// IDSize is the length of an ID's binary form in bytes.
const IDSize = 16

// Kind is the prefix that an ID's text form starts with.
type Kind string

// The kinds of ID.
const (
	EventID    Kind = "evt_"
	EndpointID Kind = "wh_"
	DeliveryID Kind = "whd_"
)

// idEncoding is Crockford's base 32 in lower case: it keeps the byte order.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// idTextSize is the length of an ID's text form without its prefix.
const idTextSize = 26

// Format gives the text form of an ID, for example "evt_06c0…": the prefix and
// 26 characters, in the same order as the IDs themselves.
func (k Kind) Format(id ID) string {
	return string(k.Append(make([]byte, 0, len(k)+idTextSize), id))
}

// Append appends the text form of an ID to dst.
func (k Kind) Append(dst []byte, id ID) []byte {
	var raw [IDSize]byte
	dst = append(dst, k...)
	return idEncoding.AppendEncode(dst, id.AppendTo(raw[:0]))
}

// Parse reads the text form of an ID of this kind; any other text is ErrNotFound,
// since no such thing can exist.
func (k Kind) Parse(text string) (ID, error) {
	if len(text) != len(k)+idTextSize || text[:len(k)] != string(k) {
		return ID{}, fmt.Errorf("%q is not an id that starts with %s: %w", text, k, ErrNotFound)
	}
	var raw [IDSize]byte
	if _, err := idEncoding.Decode(raw[:], []byte(text[len(k):])); err != nil {
		return ID{}, fmt.Errorf("id %q: %w", text, ErrNotFound)
	}
	id := IDFromBytes(raw)
	isEvent := id.Endpoint == 0
	if isEvent != (k == EventID) || k.Format(id) != text { // the latter: a final character with stray bits
		return ID{}, fmt.Errorf("id %q: %w", text, ErrNotFound)
	}
	return id, nil
}

// AppendTo appends the binary form: Seq, Endpoint and Nonce, big-endian.
func (id ID) AppendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, id.Seq)
	dst = binary.BigEndian.AppendUint32(dst, uint32(id.Endpoint))
	return binary.BigEndian.AppendUint32(dst, id.Nonce)
}

// IDFromBytes reads the binary form.
func IDFromBytes(raw [IDSize]byte) ID {
	return ID{
		Seq:      binary.BigEndian.Uint64(raw[:8]),
		Endpoint: EndpointNumber(binary.BigEndian.Uint32(raw[8:12])),
		Nonce:    binary.BigEndian.Uint32(raw[12:]),
	}
}

// Event gives the ID of the event that a delivery belongs to.
func (id ID) Event() ID { id.Endpoint = 0; return id }

// For gives the ID of the delivery that an event owes to an endpoint.
func (id ID) For(n EndpointNumber) ID { id.Endpoint = n; return id }

// Time is when the ID was issued, in UTC, to the millisecond.
func (id ID) Time() time.Time { return SeqTime(id.Seq) }

// Compare orders IDs of one endpoint, or of events, by age: -1 if id is older than other.
func (id ID) Compare(other ID) int {
	switch {
	case id == other:
		return 0
	case id.Seq < other.Seq,
		id.Seq == other.Seq && id.Endpoint < other.Endpoint,
		id.Seq == other.Seq && id.Endpoint == other.Endpoint && id.Nonce < other.Nonce:
		return -1
	}
	return 1
}

// seqCounterBits is how many low bits of ID.Seq count within a millisecond.
const seqCounterBits = 20

// SeqAt is the smallest Seq issued at or after t: the bound of a time range.
// Times before 1970 give 0.
func SeqAt(t time.Time) uint64 {
	ms := t.UnixMilli()
	if ms < 0 {
		return 0
	}
	return uint64(ms) << seqCounterBits
}

// SeqTime is the time at which seq was issued, in UTC, to the millisecond.
func SeqTime(seq uint64) time.Time { return time.UnixMilli(int64(seq >> seqCounterBits)).UTC() }

// Sequence issues ID.Seq values: each larger than the one before, even when the
// clock steps back. Its zero value is ready; it is safe for concurrent use.
type Sequence struct {
	mu   sync.Mutex
	last uint64
}

// Resume makes every later value larger than last, the largest one stored.
func (s *Sequence) Resume(last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, last)
}

// Next issues a value for an ID made at now.
func (s *Sequence) Next(now time.Time) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, SeqAt(now))
	return s.last
}

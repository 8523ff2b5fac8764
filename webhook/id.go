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
// without an index: a delivery's ID is its event's with the endpoint's number
// filled in, and an endpoint's ID carries its own number.
type ID struct {
	// Seq orders IDs: Unix milliseconds in the upper 44 bits, a counter in the lower 20.
	// A Sequence issues it, and never a smaller one than before.
	Seq uint64
	// Endpoint is the number of the endpoint; 0 in the ID of an event.
	Endpoint EndpointNumber
	// Nonce is random, and the same for an event and all of its deliveries. It keeps two
	// servers from issuing the same ID.
	Nonce uint32
}

// EndpointNumber is the short internal name of an endpoint. Numbers ascend from 1 in order
// of registration, and no number is used twice.
type EndpointNumber uint32

// IDSize is the length of an ID's binary form in bytes.
const IDSize = 16

// Kind is the prefix that an ID's text form starts with.
type Kind string

// Kinds of ID.
const (
	EventID    Kind = "evt_"
	EndpointID Kind = "wh_"
	DeliveryID Kind = "whd_"
)

// idEncoding is Crockford's base 32 in lower case. Texts have the order of the bytes that
// they stand for.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// idTextSize is the length of an ID's text form without its prefix.
const idTextSize = 26

// Format returns the text form of an ID, for example "evt_06c0…": the prefix and 26
// characters. Texts of one kind have the order of their IDs.
func (k Kind) Format(id ID) string {
	return string(k.Append(make([]byte, 0, len(k)+idTextSize), id))
}

// Append appends the text form of an ID to dst.
func (k Kind) Append(dst []byte, id ID) []byte {
	var raw [IDSize]byte
	dst = append(dst, k...)
	return idEncoding.AppendEncode(dst, id.AppendTo(raw[:0]))
}

// Parse parses the text form of an ID of this kind. The error for any other text is
// ErrNotFound, because nothing with such an ID can exist.
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

// IDFromBytes returns the ID of a binary form.
func IDFromBytes(raw [IDSize]byte) ID {
	return ID{
		Seq:      binary.BigEndian.Uint64(raw[:8]),
		Endpoint: EndpointNumber(binary.BigEndian.Uint32(raw[8:12])),
		Nonce:    binary.BigEndian.Uint32(raw[12:]),
	}
}

// Event returns the ID of the event that a delivery belongs to.
func (id ID) Event() ID { id.Endpoint = 0; return id }

// For returns the ID of the delivery that an event owes to an endpoint.
func (id ID) For(n EndpointNumber) ID { id.Endpoint = n; return id }

// Time returns when the ID was issued, in UTC, to the millisecond.
func (id ID) Time() time.Time { return SeqTime(id.Seq) }

// Compare orders IDs of one endpoint, or of events, by age. It returns -1 if id is older
// than other, 1 if it is younger, and 0 if the two are equal.
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

// SeqAt returns the smallest Seq that can be issued at or after t: the bound of a time
// range. It is 0 for times before 1970.
func SeqAt(t time.Time) uint64 {
	ms := t.UnixMilli()
	if ms < 0 {
		return 0
	}
	return uint64(ms) << seqCounterBits
}

// SeqTime returns the time at which seq was issued, in UTC, to the millisecond.
func SeqTime(seq uint64) time.Time { return time.UnixMilli(int64(seq >> seqCounterBits)).UTC() }

// Sequence issues ID.Seq values. Each is larger than the one before, even if the clock
// steps back, so that no two events of a process share one. Its zero value is ready. It is
// safe for concurrent use.
type Sequence struct {
	mu     sync.Mutex
	last   uint64
	chance func(n uint64) uint64 // nil unless it is spread
}

// Spread makes the sequence one of several processes that issue IDs for one storage. Each
// millisecond begins at a random value of the counter, in its lower half; chance returns
// random numbers below n, and is called by one goroutine at a time. If all began at 0,
// processes that accept ten events a millisecond each would share thousands of values a
// second, and only 32 random bits, the nonces, would keep their IDs apart: every few days
// two events would get the same one.
func (s *Sequence) Spread(chance func(n uint64) uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chance = chance
}

// Resume makes every later value larger than last. The server calls it at the start with
// the largest Seq in storage.
func (s *Sequence) Resume(last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, last)
}

// Next issues a value for an ID made at now.
func (s *Sequence) Next(now time.Time) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := SeqAt(now)
	if s.chance != nil && s.last < first {
		first |= s.chance(1 << (seqCounterBits - 1))
	}
	s.last = max(s.last+1, first)
	return s.last
}

package paging

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// ErrCursor is the cause of the error about a cursor that was not written for the list.
var ErrCursor = errors.New("not a cursor of this list")

// Kind distinguishes the cursors of different lists. The values are a part of cursors that
// clients hold: they must not change.
type Kind byte

// The kinds of cursor, with the place that each one holds.
const (
	Webhooks   Kind = 'w' // after an endpoint
	Deliveries Kind = 'd' // after a delivery
	Processing Kind = 'p' // after a delivery in flight
	Recipients Kind = 'e' // at a recipient of an event
	Events     Kind = 'v' // after an event
	Replay     Kind = 'r' // after a delivery that was sent again
	EventTypes Kind = 't' // after the name of an event type
	APIKeys    Kind = 'k' // after the ID of an API key
	Audit      Kind = 'a' // after an entry of the audit
	// Sessions and PortalLinks hold a place after the ID of a grant.
	Sessions    Kind = 's'
	PortalLinks Kind = 'l'
	Jobs        Kind = 'j' // after a job
)

// lineEnds are the bytes that base64 decoders skip, even strict ones. A cursor with one of
// them would be a second text for the same place.
const lineEnds = "\r\n"

// macSize is how many bytes authenticate a cursor. 16 bytes of HMAC-SHA256 are as hard to
// guess as a key of 128 bits (RFC 2104, section 5).
const macSize = 16

// KeyStore keeps the key of the cursors, so that they outlive the process.
type KeyStore interface {
	// CursorKey returns the stored key. It stores the offered one if there is none.
	CursorKey(ctx context.Context, offered [32]byte) ([32]byte, error)
}

// Cursors writes and reads cursors. It has no state except its key, and can be used by
// many goroutines.
type Cursors struct{ key [32]byte }

// Open returns the cursors of a store.
func Open(store KeyStore) (*Cursors, error) {
	var c Cursors
	rand.Read(c.key[:]) // never fails, see crypto/rand
	var err error
	if c.key, err = store.CursorKey(context.Background(), c.key); err != nil {
		return nil, fmt.Errorf("read the key of cursors: %w", err)
	}
	return &c, nil
}

// Listing is a list that a cursor continues. The cursor is good for no other list.
type Listing struct {
	Kind Kind
	// Of is everything that makes the list what it is: what it belongs to, its filters, its
	// caller.
	Of []string
	// Period is that of the list; nil if it has none. A cursor carries the time that
	// relative ends count from, so that all pages are of one period.
	Period *Period
}

// Write returns the cursor of a place in a list.
func (c *Cursors) Write(l Listing, place []byte) string {
	raw := append([]byte{byte(l.Kind)}, place...)
	raw = append(raw, c.sum(l, place)...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Read returns the place that was written for the same list. Any other text is ErrCursor,
// in a *webhook.FieldError.
func (c *Cursors) Read(l Listing, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil && !strings.ContainsAny(text, lineEnds) && len(raw) > macSize && raw[0] == byte(l.Kind) {
		place, sum := raw[1:len(raw)-macSize], raw[len(raw)-macSize:]
		if hmac.Equal(sum, c.sum(l, place)) {
			return place, nil
		}
	}
	return nil, &webhook.FieldError{
		Field: "cursor", Reason: "is not a next_cursor of this list, with these filters, for this caller", Cause: ErrCursor,
	}
}

// sum authenticates a place in a list. Each part has its length in front, so that the
// parts of two lists never run together to the same bytes.
func (c *Cursors) sum(l Listing, place []byte) []byte {
	text := binary.AppendUvarint([]byte{byte(l.Kind)}, uint64(len(l.Of)))
	for _, part := range l.Of {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	mac := hmac.New(sha256.New, c.key[:])
	mac.Write(append(text, place...))
	return mac.Sum(nil)[:macSize]
}

// WriteID returns a cursor that holds an ID; "" for the zero ID, the end of a list.
func (c *Cursors) WriteID(l Listing, id webhook.ID) string {
	if id == (webhook.ID{}) {
		return ""
	}
	place := id.AppendTo(nil)
	if l.Period != nil && l.Period.relative() {
		place = binary.BigEndian.AppendUint64(place, uint64(l.Period.now.UnixMilli()))
	}
	return c.Write(l, place)
}

// ReadID reads a cursor that holds an ID; "" is the zero ID, the start of a list. It sets
// the time that the list's period counts from, if the cursor carries it.
func (c *Cursors) ReadID(l Listing, text string) (webhook.ID, error) {
	if text == "" {
		return webhook.ID{}, nil
	}
	place, err := c.Read(l, text)
	if err != nil {
		return webhook.ID{}, err
	}
	if now := place[webhook.IDSize:]; len(now) > 0 {
		l.Period.now = time.UnixMilli(int64(binary.BigEndian.Uint64(now))).UTC()
	}
	return webhook.IDFromBytes([webhook.IDSize]byte(place[:webhook.IDSize])), nil
}

// WriteNumber returns a cursor that holds an endpoint's number.
func (c *Cursors) WriteNumber(l Listing, n webhook.EndpointNumber) string {
	return c.Write(l, binary.BigEndian.AppendUint32(nil, uint32(n)))
}

// ReadNumber reads a cursor that holds an endpoint's number; "" is 0.
func (c *Cursors) ReadNumber(l Listing, text string) (webhook.EndpointNumber, error) {
	if text == "" {
		return 0, nil
	}
	place, err := c.Read(l, text)
	if err != nil {
		return 0, err
	}
	return webhook.EndpointNumber(binary.BigEndian.Uint32(place)), nil
}

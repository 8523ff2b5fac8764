package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// cursorKind tells cursors of different lists apart.
type cursorKind byte

// The kinds of cursor.
const (
	cursorEndpoint   cursorKind = 'w' // after an endpoint
	cursorDelivery   cursorKind = 'd' // after a delivery
	cursorProcessing cursorKind = 'p' // after a delivery in flight
	cursorRecipient  cursorKind = 'e' // at a recipient of an event
	cursorReplay     cursorKind = 'r' // after a delivery that was sent again
	cursorName       cursorKind = 't' // after the name of an event type
	cursorAPIKey     cursorKind = 'k' // after the ID of an API key
)

// lineEnds are what base64 decoders skip, be they strict or not.
const lineEnds = "\r\n"

// cursorMAC is how many bytes authenticate a cursor.
const cursorMAC = 16

// cursors writes and reads the places where lists go on. They are authenticated,
// so that a list starts at places only that it gave out itself. The key is kept
// in the store, so that they outlive the process.
type cursors struct{ key [32]byte }

func openCursors(store AccessStore) (*cursors, error) {
	var c cursors
	rand.Read(c.key[:]) // never fails, see crypto/rand
	var err error
	if c.key, err = store.CursorKey(context.Background(), c.key); err != nil {
		return nil, fmt.Errorf("read the key of cursors: %w", err)
	}
	return &c, nil
}

// listing is what a cursor goes on with: it is good for no other list, for no other
// filters and for no other caller.
type listing struct {
	kind cursorKind
	of   []string
	// period is that of the list; nil if it has none.
	period *period
}

// listingOf is the list of a kind that a caller asks for. of holds what narrows it:
// the thing that it belongs to, and the filters.
func listingOf(kind cursorKind, who *Principal, of ...string) listing {
	return listing{kind: kind, of: append(of, who.Publisher, who.ClientID, strconv.FormatBool(who.admin))}
}

// deliveryListing is listingOf for deliveries of a period that q selects. A cursor
// of it carries the time that relative ends count from, so that all pages are of one period.
func deliveryListing(kind cursorKind, who *Principal, q *webhook.DeliveryQuery, p *period) listing {
	l := listingOf(kind, who, strconv.FormatUint(uint64(q.Endpoint), 10), string(q.Status), q.EventType, p.since.String(), p.until.String())
	l.period = p
	return l
}

// write gives a cursor's text.
func (c *cursors) write(l listing, place []byte) string {
	raw := append([]byte{byte(l.kind)}, place...)
	raw = append(raw, c.sum(l, place)...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// read gives back what was written for the same list. Any other text is malformed.
func (c *cursors) read(l listing, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil && !strings.ContainsAny(text, lineEnds) && len(raw) > cursorMAC && raw[0] == byte(l.kind) {
		place, sum := raw[1:len(raw)-cursorMAC], raw[len(raw)-cursorMAC:]
		if hmac.Equal(sum, c.sum(l, place)) {
			return place, nil
		}
	}
	p := newProblem(codeMalformed, "cursor is not a next_cursor of this list, with these filters, for this caller")
	p.Field = "cursor"
	return nil, p
}

// sum authenticates a place in a list. Each part has its length in front, so that
// no two lists look alike.
func (c *cursors) sum(l listing, place []byte) []byte {
	text := binary.AppendUvarint([]byte{byte(l.kind)}, uint64(len(l.of)))
	for _, part := range l.of {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	mac := hmac.New(sha256.New, c.key[:])
	mac.Write(append(text, place...))
	return mac.Sum(nil)[:cursorMAC]
}

// writeID gives a cursor that holds an ID; "" for the zero ID, the end of a list.
func (c *cursors) writeID(l listing, id webhook.ID) string {
	if id == (webhook.ID{}) {
		return ""
	}
	place := id.AppendTo(nil)
	if l.period != nil && l.period.relative() {
		place = binary.BigEndian.AppendUint64(place, uint64(l.period.now.UnixMilli()))
	}
	return c.write(l, place)
}

// readID reads a cursor that holds an ID; "" gives the zero ID, the start of a list.
// It sets the time that the list's period counts from, if the cursor carries it.
func (c *cursors) readID(l listing, text string) (webhook.ID, error) {
	if text == "" {
		return webhook.ID{}, nil
	}
	place, err := c.read(l, text)
	if err != nil {
		return webhook.ID{}, err
	}
	if now := place[webhook.IDSize:]; len(now) > 0 {
		l.period.now = time.UnixMilli(int64(binary.BigEndian.Uint64(now))).UTC()
	}
	return webhook.IDFromBytes([webhook.IDSize]byte(place[:webhook.IDSize])), nil
}

// writeNumber gives a cursor that holds an endpoint's number.
func (c *cursors) writeNumber(l listing, n webhook.EndpointNumber) string {
	return c.write(l, binary.BigEndian.AppendUint32(nil, uint32(n)))
}

// readNumber reads a cursor that holds an endpoint's number; "" gives 0.
func (c *cursors) readNumber(l listing, text string) (webhook.EndpointNumber, error) {
	if text == "" {
		return 0, nil
	}
	place, err := c.read(l, text)
	if err != nil {
		return 0, err
	}
	return webhook.EndpointNumber(binary.BigEndian.Uint32(place)), nil
}

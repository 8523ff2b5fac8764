package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

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
)

// cursorMAC is how many bytes authenticate a cursor.
const cursorMAC = 16

// cursors writes and reads the places where lists go on. They are authenticated,
// so that a list starts at places only that it gave out itself; the key is made
// at start, so they do not outlive the process.
type cursors struct{ key [32]byte }

func newCursors() *cursors {
	var c cursors
	rand.Read(c.key[:]) // never fails, see crypto/rand
	return &c
}

// write gives a cursor's text.
func (c *cursors) write(kind cursorKind, place []byte) string {
	raw := append([]byte{byte(kind)}, place...)
	raw = append(raw, c.sum(raw)...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// read gives back what was written. Any other text is a FieldError of the field cursor.
func (c *cursors) read(kind cursorKind, text string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err == nil && len(raw) > cursorMAC && raw[0] == byte(kind) {
		body, sum := raw[:len(raw)-cursorMAC], raw[len(raw)-cursorMAC:]
		if hmac.Equal(sum, c.sum(body)) {
			return body[1:], nil
		}
	}
	return nil, invalid("cursor", "is not a next_cursor of this list, or one from before a restart")
}

func (c *cursors) sum(raw []byte) []byte {
	mac := hmac.New(sha256.New, c.key[:])
	mac.Write(raw)
	return mac.Sum(nil)[:cursorMAC]
}

// writeID gives a cursor that holds an ID; "" for the zero ID, the end of a list.
func (c *cursors) writeID(kind cursorKind, id webhook.ID) string {
	if id == (webhook.ID{}) {
		return ""
	}
	return c.write(kind, id.AppendTo(nil))
}

// readID reads a cursor that holds an ID; "" gives the zero ID, the start of a list.
func (c *cursors) readID(kind cursorKind, text string) (webhook.ID, error) {
	if text == "" {
		return webhook.ID{}, nil
	}
	place, err := c.read(kind, text)
	if err != nil {
		return webhook.ID{}, err
	}
	return webhook.IDFromBytes([webhook.IDSize]byte(place)), nil
}

// writeNumber gives a cursor that holds an endpoint's number.
func (c *cursors) writeNumber(kind cursorKind, n webhook.EndpointNumber) string {
	return c.write(kind, binary.BigEndian.AppendUint32(nil, uint32(n)))
}

// readNumber reads a cursor that holds an endpoint's number; "" gives 0.
func (c *cursors) readNumber(kind cursorKind, text string) (webhook.EndpointNumber, error) {
	if text == "" {
		return 0, nil
	}
	place, err := c.read(kind, text)
	if err != nil {
		return 0, err
	}
	return webhook.EndpointNumber(binary.BigEndian.Uint32(place)), nil
}

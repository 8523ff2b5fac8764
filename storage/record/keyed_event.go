package record

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// KeyedEvent is what is stored of the event that came first under an idempotency key:
// enough to answer a repetition, and to refuse another event under the same key.
type KeyedEvent struct {
	Version     byte // of the record, and of the fingerprint
	ID          webhook.ID
	Deliveries  int
	Disabled    int
	Limited     int
	Fingerprint [16]byte // the event's identity
}

// keyedEventVersion is the version of records whose fingerprint is the event's
// Identity. In version 1 it was a hash of the data as it was published, in which the
// order of members counted. Such records expire a day after the upgrade.
const keyedEventVersion = 2

// KeyedEventOf returns the record of a new event.
func KeyedEventOf(e *webhook.Event) KeyedEvent {
	return KeyedEvent{
		Version: keyedEventVersion, ID: e.ID.Event(), Fingerprint: e.Identity(),
		Deliveries: len(e.Endpoints), Disabled: len(e.Disabled), Limited: len(e.Limited),
	}
}

// fingerprintOfVersion1 returns the fingerprint that version 1 stored.
func fingerprintOfVersion1(e *webhook.Event) [16]byte {
	text := appendString(make([]byte, 0, 64+len(e.Data)), e.Type)
	text = appendString(text, e.ClientID)
	sum := sha256.Sum256(append(text, e.Data...))
	return [16]byte(sum[:16])
}

// Repeated returns the receipt of an event that came later under the same key; now is
// that event's own record.
func (p *KeyedEvent) Repeated(e *webhook.Event, now *KeyedEvent) webhook.Receipt {
	same := p.Fingerprint == now.Fingerprint
	// A record of version 1 has a fingerprint of the event as it was published.
	if p.Version == 1 {
		same = p.Fingerprint == fingerprintOfVersion1(e)
	}
	if !same {
		return webhook.Receipt{EventID: p.ID, Err: webhook.ErrKeyReused}
	}
	return webhook.Receipt{
		EventID: p.ID, Deliveries: p.Deliveries, Disabled: p.Disabled, Limited: p.Limited, Duplicate: true,
	}
}

// Until returns when the key may be used for another event.
func (p *KeyedEvent) Until() time.Time { return p.ID.Time().Add(keyLifetime) }

// keyLifetime is how long an idempotency key is remembered, from when its event was numbered.
const keyLifetime = 24 * time.Hour

// KeyHash returns what a publisher's idempotency key is stored and found under: a hash,
// because both texts may be long.
func KeyHash(e *webhook.Event) [16]byte {
	sum := sha256.Sum256(append(appendString(nil, e.Publisher), e.IdempotencyKey...))
	return [16]byte(sum[:16])
}

// Encode returns the record, in the version that it was read in.
func (p *KeyedEvent) Encode() []byte {
	dst := p.ID.AppendTo([]byte{p.Version})
	dst = append(dst, p.Fingerprint[:]...)
	dst = binary.AppendUvarint(dst, uint64(p.Deliveries))
	if p.Version == 1 {
		return dst
	}
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(p.Disabled)), uint64(p.Limited))
}

// DecodeKeyedEvent reads what Encode wrote, in any version.
func DecodeKeyedEvent(record []byte) (KeyedEvent, error) {
	d, version := newDecoderUpTo(record, keyedEventVersion)
	p := KeyedEvent{Version: version, ID: d.id()}
	if len(d.rest) < len(p.Fingerprint) {
		d.fail()
		return KeyedEvent{}, d.err
	}
	// Of fixed size, so that it has no length in front.
	d.rest = d.rest[copy(p.Fingerprint[:], d.rest):]
	p.Deliveries = d.number()
	if version > 1 {
		p.Disabled, p.Limited = d.number(), d.number()
	}
	return p, d.err
}

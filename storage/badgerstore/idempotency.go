package badgerstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// keyLifetime is how long an idempotency key is remembered, from when its event was numbered.
const keyLifetime = 24 * time.Hour

// publication is what an idempotency key stands for.
type publication struct {
	version     byte // of the record; that of the fingerprint, too
	id          webhook.ID
	deliveries  int
	disabled    int
	limited     int
	fingerprint [16]byte // the event's identity
}

// publicationVersion is the version of records whose fingerprint is that of the
// event's identity. In version 1 it was of the data as it was published, with the
// order of its members; those are gone a day after the upgrade.
const publicationVersion = 2

func publicationOf(e *webhook.Event) publication {
	return publication{
		version: publicationVersion, id: e.ID.Event(), fingerprint: e.Identity(),
		deliveries: len(e.Endpoints), disabled: len(e.Disabled), limited: len(e.Limited),
	}
}

// fingerprintOfVersion1 is what version 1 kept of an event.
func fingerprintOfVersion1(e *webhook.Event) [16]byte {
	text := appendString(make([]byte, 0, 64+len(e.Data)), e.Type)
	text = appendString(text, e.ClientID)
	sum := sha256.Sum256(append(text, e.Data...))
	return [16]byte(sum[:16])
}

// repeated is the receipt for an event that came under the same key as p.
func (p *publication) repeated(e *webhook.Event, now *publication) webhook.Receipt {
	same := p.fingerprint == now.fingerprint
	if p.version == 1 {
		same = p.fingerprint == fingerprintOfVersion1(e)
	}
	if !same {
		return webhook.Receipt{EventID: p.id, Err: webhook.ErrKeyReused}
	}
	return webhook.Receipt{
		EventID: p.id, Deliveries: p.deliveries, Disabled: p.disabled, Limited: p.limited, Duplicate: true,
	}
}

func (p *publication) until() time.Time { return p.id.Time().Add(keyLifetime) }

// idempotencyKey is the database's key for a publisher's key: a hash, because
// either may be long.
func idempotencyKey(e *webhook.Event) []byte {
	sum := sha256.Sum256(append(appendString(nil, e.Publisher), e.IdempotencyKey...))
	return append([]byte{byte(spaceKey)}, sum[:16]...)
}

func (p *publication) encode() []byte {
	dst := p.id.AppendTo([]byte{p.version})
	dst = append(dst, p.fingerprint[:]...)
	dst = binary.AppendUvarint(dst, uint64(p.deliveries))
	if p.version == 1 {
		return dst
	}
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(p.disabled)), uint64(p.limited))
}

func decodePublication(record []byte) (publication, error) {
	d, version := newDecoderUpTo(record, publicationVersion)
	p := publication{version: version, id: d.id()}
	if len(d.rest) < len(p.fingerprint) {
		d.fail()
		return publication{}, d.err
	}
	d.rest = d.rest[copy(p.fingerprint[:], d.rest):]
	p.deliveries = d.number()
	if version > 1 {
		p.disabled, p.limited = d.number(), d.number()
	}
	return p, d.err
}

// readPublication looks an idempotency key up.
func readPublication(tx *badger.Txn, key []byte) (p publication, known bool, err error) {
	err = get(tx, key, func(record []byte) error {
		p, err = decodePublication(record)
		return err
	})
	if errors.Is(err, webhook.ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil, err
}

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
	id          webhook.ID
	deliveries  int
	disabled    int
	limited     int
	fingerprint [16]byte // of type, client and data
}

func publicationOf(e *webhook.Event) publication {
	p := publication{id: e.ID.Event(), deliveries: len(e.Endpoints), disabled: len(e.Disabled), limited: len(e.Limited)}
	text := appendString(make([]byte, 0, 64+len(e.Data)), e.Type)
	text = appendString(text, e.ClientID)
	sum := sha256.Sum256(append(text, e.Data...))
	copy(p.fingerprint[:], sum[:])
	return p
}

// repeated is the receipt for now, which came under the same key as p.
func (p *publication) repeated(now *publication) webhook.Receipt {
	if p.fingerprint != now.fingerprint {
		return webhook.Receipt{EventID: p.id, Err: webhook.ErrConflict}
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
	dst := p.id.AppendTo([]byte{recordVersion})
	dst = append(dst, p.fingerprint[:]...)
	dst = binary.AppendUvarint(dst, uint64(p.deliveries))
	if p.disabled+p.limited > 0 {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(p.disabled)), uint64(p.limited))
	}
	return dst
}

func decodePublication(record []byte) (publication, error) {
	d := newDecoder(record)
	p := publication{id: d.id()}
	if len(d.rest) < len(p.fingerprint) {
		d.fail()
		return publication{}, d.err
	}
	d.rest = d.rest[copy(p.fingerprint[:], d.rest):]
	p.deliveries = d.number()
	if len(d.rest) > 0 {
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

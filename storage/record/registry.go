package record

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
)

// EncodeAPIKey returns the record of an API key. It holds a hash of the secret only.
func EncodeAPIKey(k *webhook.APIKey) []byte {
	dst := appendString([]byte{recordVersion}, k.ID)
	dst = appendString(appendString(dst, k.Name), k.ClientID)
	dst = binary.AppendUvarint(dst, uint64(len(k.Scopes)))
	for _, scope := range k.Scopes {
		dst = appendString(dst, scope)
	}
	dst = append(dst, k.Hash[:]...)
	return appendTime(appendTime(dst, k.CreatedAt), k.ExpiresAt)
}

// DecodeAPIKey reads what EncodeAPIKey wrote.
func DecodeAPIKey(record []byte) (webhook.APIKey, error) {
	d := newDecoder(record)
	k := webhook.APIKey{ID: d.string(), Name: d.string(), ClientID: d.string()}
	for range d.count() {
		k.Scopes = append(k.Scopes, d.string())
	}
	if len(d.rest) < len(k.Hash) {
		d.fail()
		return k, d.err
	}
	d.rest = d.rest[copy(k.Hash[:], d.rest):]
	k.CreatedAt, k.ExpiresAt = d.time(), d.time()
	return k, d.err
}

// EncodeEventType returns the record of an event type; its name is in the key.
func EncodeEventType(t webhook.EventType) []byte {
	return appendString([]byte{recordVersion}, t.Description)
}

// DecodeEventType returns an event type's description.
func DecodeEventType(record []byte) (description string, err error) {
	d := newDecoder(record)
	description = d.string()
	return description, d.err
}

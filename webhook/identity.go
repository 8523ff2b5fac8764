package webhook

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// Identity identifies what an idempotency key stands for: the event's type, client
// and data. The data is compared as JSON: members have no order (RFC 8259, section
// 4), the elements of an array have, and numbers are equal that are published alike.
func (e *Event) Identity() [16]byte {
	if e.Fingerprint != ([16]byte{}) {
		return e.Fingerprint
	}
	text := make([]byte, 0, 16+len(e.Type)+len(e.ClientID)+len(e.Data))
	for _, part := range []string{e.Type, e.ClientID} {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	if len(e.Data) > 0 {
		text = canonicaljson.AppendSorted(text, e.Data)
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}

package record

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/audit"
)

// EncodeAudit returns the record of an entry of the audit; its ID is in the key.
func EncodeAudit(e *audit.Entry) []byte {
	dst := appendTime([]byte{recordVersion}, e.At)
	for _, text := range []string{e.Action, e.By, e.From, e.Resource, e.ClientID} {
		dst = appendString(dst, text)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Changes)))
	for _, c := range e.Changes {
		dst = appendString(appendString(appendString(dst, c.Field), c.Before), c.After)
	}
	if e.Operator {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// DecodeAudit reads what EncodeAudit wrote.
func DecodeAudit(id webhook.ID, record []byte) (audit.Entry, error) {
	d := newDecoder(record)
	e := audit.Entry{
		ID: id, At: d.time(), Action: d.string(), By: d.string(), From: d.string(), Resource: d.string(), ClientID: d.string(),
	}
	for range d.count() {
		e.Changes = append(e.Changes, audit.Change{Field: d.string(), Before: d.string(), After: d.string()})
	}
	e.Operator = d.byte() == 1
	return e, d.err
}

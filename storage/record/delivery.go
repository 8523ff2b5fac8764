package record

import (
	"encoding/binary"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// Fresh is the record of a delivery that was never attempted: the version alone. Most
// deliveries succeed at once, and so take one byte here while they are queued.
var Fresh = []byte{recordVersion}

// A status and a reason are stored as their index here. Never reorder these lists:
// append to them.
var (
	statusCodes = []webhook.Status{
		webhook.Queued, webhook.Retrying, webhook.Delivered, webhook.Failed, webhook.Cancelled,
	}
	reasonCodes = []webhook.Reason{
		webhook.ReasonNone,
		webhook.ReasonDNS, webhook.ReasonBlockedAddress, webhook.ReasonConnect, webhook.ReasonTLS,
		webhook.ReasonTimeout, webhook.ReasonReset, webhook.ReasonProtocol,
		webhook.ReasonHTTP1xx, webhook.ReasonHTTP3xx, webhook.ReasonHTTP4xx, webhook.ReasonHTTP5xx,
		webhook.ReasonGone, webhook.ReasonLimited,
		webhook.ReasonCancelled, webhook.ReasonEndpointDeleted, webhook.ReasonPanic, webhook.ReasonPayloadMissing,
		webhook.ReasonTLSExpired, webhook.ReasonTLSName, webhook.ReasonTLSAuthority, webhook.ReasonTLSVersion,
		webhook.ReasonTLSClientCert, webhook.ReasonTLSProtocol, webhook.ReasonEndpointDisabled,
		webhook.ReasonClientLimit,
	}
)

// otherReason is stored before the text of a reason that has no code.
const otherReason = 0xff

// appendReason appends a code of one byte, or otherReason and the text.
func appendReason(dst []byte, r webhook.Reason) []byte {
	if code := slices.Index(reasonCodes, r); code >= 0 {
		return append(dst, byte(code))
	}
	return appendString(append(dst, otherReason), string(r))
}

// reason reads what appendReason wrote.
func (d *decoder) reason() webhook.Reason {
	code := d.byte()
	switch {
	case code == otherReason:
		return webhook.Reason(d.string())
	case int(code) >= len(reasonCodes):
		d.fail()
		return webhook.ReasonNone
	}
	return reasonCodes[code]
}

// DeliveryVersion is the version of a delivery's record. Version 1 held all attempts,
// with whole responses.
const DeliveryVersion = 2

// EncodeDelivery returns the record of a delivery; its ID is in the key. The record of a
// finished delivery holds the latest attempt, shortened. That of a pending one holds
// none, because it is written again with each attempt: they are in the log.
func EncodeDelivery(d *webhook.Delivery) []byte {
	last := d.LastAttempt()
	// Its attempts are in the log.
	if !d.Status.Finished() {
		last = nil
	}
	size := 48 + len(d.EventType)
	if last != nil {
		size += attemptSize(last)
	}
	dst := make([]byte, 0, size)
	dst = append(dst, DeliveryVersion, byte(max(slices.Index(statusCodes, d.Status), 0)))
	dst = appendString(dst, d.EventType)
	dst = binary.AppendUvarint(dst, uint64(max(d.Attempts, 0)))
	dst = binary.AppendUvarint(dst, uint64(max(d.Spent, 0)))
	dst = binary.AppendUvarint(dst, uint64(d.NextAttemptAt))
	dst = appendTime(dst, d.FinishedAt)
	dst = appendReason(dst, d.Reason)
	if last != nil { // at the end, so that DecodeDue stops before it
		dst = appendAttempt(dst, last)
	}
	return dst
}

// IsFresh reports whether a record is Fresh.
func IsFresh(record []byte) bool { return len(record) == 1 && record[0] == recordVersion }

// DecodeDelivery reads a record and keeps nothing of it. A fresh one has no event type.
// A finished delivery comes with its latest attempt, one of version 1 with all of them.
func DecodeDelivery(id webhook.ID, record []byte) (webhook.Delivery, error) {
	out, d, version := decodeState(id, record)
	switch {
	// With all attempts, whole responses included.
	case version == 1:
		out.AttemptLog = d.attemptsOfVersion1()
	case out.Status.Finished() && len(d.rest) > 0:
		out.AttemptLog = []webhook.Attempt{d.attempt()}
	}
	return out, d.err
}

// DecodeDue does the same without attempts, for deliveries that are to be attempted.
func DecodeDue(id webhook.ID, record []byte) (webhook.Delivery, error) {
	out, d, _ := decodeState(id, record)
	return out, d.err
}

// decodeState reads a record up to its attempts, and returns the decoder there.
func decodeState(id webhook.ID, record []byte) (webhook.Delivery, *decoder, byte) {
	if IsFresh(record) {
		return webhook.Delivery{ID: id, Status: webhook.Queued}, &decoder{}, DeliveryVersion
	}
	d, version := newDecoderUpTo(record, DeliveryVersion)
	out := webhook.Delivery{ID: id, Status: d.status(), EventType: d.string()}
	out.Attempts, out.Spent = d.number(), d.number()
	out.NextAttemptAt = webhook.DueTime(d.upTo(uint64(webhook.MaxDueTime)))
	out.FinishedAt, out.Reason = d.time(), d.reason()
	return out, d, version
}

// status reads the index of a status.
func (d *decoder) status() webhook.Status {
	code := d.byte()
	if int(code) >= len(statusCodes) {
		d.fail()
		return webhook.Queued
	}
	return statusCodes[code]
}

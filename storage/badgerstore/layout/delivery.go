package layout

import (
	"encoding/binary"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// Fresh is the value of a queue key whose delivery has no history: the
// version alone.
var Fresh = []byte{recordVersion}

// statusCodes and reasonCodes give what is stored for a status and a reason: its
// index. Never reorder them; append.
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

// otherReason stands before the text of a reason that has no code.
const otherReason = 0xff

func appendReason(dst []byte, r webhook.Reason) []byte {
	if code := slices.Index(reasonCodes, r); code >= 0 {
		return append(dst, byte(code))
	}
	return appendString(append(dst, otherReason), string(r))
}

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

// DeliveryVersion is the version of a delivery's record. Version 1 held the whole
// log, with the bodies of the responses.
const DeliveryVersion = 2

// EncodeDelivery returns the record of a delivery; its ID is in the key. Once it has
// finished, the record holds its latest attempt, shortened; before, all of them
// stand in the log, since the record is written again with each.
func EncodeDelivery(d *webhook.Delivery) []byte {
	last := d.LastAttempt()
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
	if last != nil { // at the end: whoever needs no attempt reads no further
		dst = appendAttempt(dst, last)
	}
	return dst
}

// IsFresh tells whether a queue key's value says no more than that it is there.
func IsFresh(record []byte) bool { return len(record) == 1 && record[0] == recordVersion }

// DecodeDelivery reads a record; nothing of it is kept. A fresh one gives no event
// type. What has finished comes with its latest attempt; version 1 has the whole log.
func DecodeDelivery(id webhook.ID, record []byte) (webhook.Delivery, error) {
	out, d, version := decodeState(id, record)
	switch {
	case version == 1:
		out.AttemptLog = d.attemptsOfVersion1()
	case out.Status.Finished() && len(d.rest) > 0:
		out.AttemptLog = []webhook.Attempt{d.attempt()}
	}
	return out, d.err
}

// DecodeDue reads a record without its attempts.
func DecodeDue(id webhook.ID, record []byte) (webhook.Delivery, error) {
	out, d, _ := decodeState(id, record)
	return out, d.err
}

// decodeState reads a record up to its attempts.
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

func (d *decoder) status() webhook.Status {
	code := d.byte()
	if int(code) >= len(statusCodes) {
		d.fail()
		return webhook.Queued
	}
	return statusCodes[code]
}

// SpaceOf is where a delivery of this status is kept.
func SpaceOf(s webhook.Status) Space {
	switch s {
	case webhook.Retrying:
		return SpaceRetrying
	case webhook.Delivered:
		return SpaceDelivered
	case webhook.Failed, webhook.Cancelled:
		return SpaceFailed
	default:
		return SpaceQueued
	}
}

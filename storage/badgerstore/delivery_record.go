package badgerstore

import (
	"encoding/binary"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// freshRecord is the value of a queue key whose delivery has no history: the
// version alone.
var freshRecord = []byte{recordVersion}

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

// encodeDelivery gives the record of a delivery; its ID is in the key.
func encodeDelivery(d *webhook.Delivery) []byte {
	size := 48 + len(d.EventType)
	for i := range d.AttemptLog {
		size += 32 + len(d.AttemptLog[i].Response)
	}
	dst := make([]byte, 0, size)
	dst = append(dst, recordVersion, byte(max(slices.Index(statusCodes, d.Status), 0)))
	dst = appendString(dst, d.EventType)
	dst = binary.AppendUvarint(dst, uint64(max(d.Attempts, 0)))
	dst = binary.AppendUvarint(dst, uint64(max(d.Spent, 0)))
	dst = binary.AppendUvarint(dst, uint64(d.NextAttemptAt))
	dst = appendTime(dst, d.FinishedAt)
	dst = appendReason(dst, d.Reason)
	dst = binary.AppendUvarint(dst, uint64(len(d.AttemptLog)))
	for i := range d.AttemptLog {
		dst = appendAttempt(dst, &d.AttemptLog[i])
	}
	return dst
}

func appendAttempt(dst []byte, a *webhook.Attempt) []byte {
	dst = binary.AppendUvarint(dst, uint64(max(a.Number, 0)))
	dst = appendTime(dst, a.At)
	dst = appendDuration(dst, a.Duration)
	dst = binary.AppendUvarint(dst, uint64(max(a.StatusCode, 0)))
	dst = appendReason(dst, a.Failure)
	dst = appendBytes(dst, a.Response)
	return appendDuration(dst, a.RetryAfter)
}

// isFresh tells whether a queue key's value says no more than that it is there.
func isFresh(record []byte) bool { return len(record) == 1 && record[0] == recordVersion }

// decodeDelivery reads a record; nothing of it is kept. A fresh one gives no event type.
func decodeDelivery(id webhook.ID, record []byte) (webhook.Delivery, error) {
	if isFresh(record) {
		return webhook.Delivery{ID: id, Status: webhook.Queued}, nil
	}
	d := newDecoder(record)
	out := webhook.Delivery{ID: id, Status: d.status(), EventType: d.string()}
	out.Attempts, out.Spent = d.number(), d.number()
	out.NextAttemptAt = webhook.DueTime(d.upTo(uint64(webhook.MaxDueTime)))
	out.FinishedAt, out.Reason = d.time(), d.reason()
	if n := d.count(); n > 0 {
		out.AttemptLog = make([]webhook.Attempt, 0, min(n, webhook.MaxAttemptLog))
		for i := 0; i < n && d.err == nil; i++ {
			out.AttemptLog = append(out.AttemptLog, d.attempt())
		}
	}
	return out, d.err
}

func (d *decoder) status() webhook.Status {
	code := d.byte()
	if int(code) >= len(statusCodes) {
		d.fail()
		return webhook.Queued
	}
	return statusCodes[code]
}

func (d *decoder) attempt() webhook.Attempt {
	a := webhook.Attempt{Number: d.number(), At: d.time(), Duration: d.duration(), StatusCode: d.number()}
	a.Failure = d.reason()
	a.Response = slices.Clone(d.bytes())
	if len(a.Response) == 0 {
		a.Response = nil
	}
	a.RetryAfter = d.duration()
	return a
}

// spaceOf is where a delivery of this status is kept.
func spaceOf(s webhook.Status) space {
	switch s {
	case webhook.Retrying:
		return spaceRetrying
	case webhook.Delivered:
		return spaceDelivered
	case webhook.Failed, webhook.Cancelled:
		return spaceFailed
	default:
		return spaceQueued
	}
}

package record

import (
	"encoding/binary"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// The flags of an attempt's record name the fields that follow, in this order. Most
// attempts have few of them, and one byte of flags: a delivery's record is written for
// each attempt, so that its size decides how fast the disk fills.
const (
	hasFailure = 1 << iota
	hasResponse
	hasLatency
	hasRetryAfter
	isTruncated
	hasRequests // without it, the attempt took one request
	hasDetail
	hasLocation
	hasEncoding // connection.go has more
)

// attemptSize estimates how many bytes appendAttempt appends.
func attemptSize(a *webhook.Attempt) int {
	return 72 + min(len(a.Response), webhook.MaxShortResponse) + len(a.Detail) + len(a.Location) + len(a.ResponseEncoding)
}

// appendAttempt appends an attempt, shortened. Zero fields take no room.
func appendAttempt(dst []byte, long *webhook.Attempt) []byte {
	// Whole bodies have records of their own.
	a := long.Shortened()
	flags := attemptFlags(&a)
	dst = binary.AppendUvarint(dst, uint64(max(a.Number, 0)))
	dst = appendTime(dst, a.At)
	dst = appendDuration(dst, a.Duration)
	dst = binary.AppendUvarint(dst, uint64(max(a.StatusCode, 0)))
	dst = binary.AppendUvarint(dst, flags)
	if flags&hasFailure != 0 {
		dst = appendReason(dst, a.Failure)
	}
	if flags&hasResponse != 0 {
		dst = appendBytes(dst, a.Response)
	}
	if flags&hasLatency != 0 {
		dst = appendDuration(dst, a.Latency)
	}
	if flags&hasRetryAfter != 0 {
		dst = appendDuration(dst, a.RetryAfter)
	}
	if flags&hasRequests != 0 {
		dst = binary.AppendUvarint(dst, uint64(max(a.Requests, 0)))
	}
	if flags&hasDetail != 0 {
		dst = appendString(dst, a.Detail)
	}
	if flags&hasLocation != 0 {
		dst = appendString(dst, a.Location)
	}
	if flags&hasEncoding != 0 {
		dst = appendString(dst, a.ResponseEncoding)
	}
	return appendConnection(dst, &a, flags)
}

// attemptFlags returns which fields are set.
func attemptFlags(a *webhook.Attempt) (flags uint64) {
	set := func(flag uint64, yes bool) {
		if yes {
			flags |= flag
		}
	}
	set(hasFailure, a.Failure != webhook.ReasonNone)
	set(hasResponse, len(a.Response) > 0)
	set(hasLatency, a.Latency > 0)
	set(hasRetryAfter, a.RetryAfter > 0)
	set(isTruncated, a.ResponseTruncated)
	set(hasRequests, a.Requests != 1)
	set(hasDetail, a.Detail != "")
	set(hasLocation, a.Location != "")
	set(hasEncoding, a.ResponseEncoding != "")
	return flags | connectionFlags(a)
}

// attempt reads what appendAttempt wrote.
func (d *decoder) attempt() webhook.Attempt {
	a := webhook.Attempt{Number: d.number(), At: d.time(), Duration: d.duration(), StatusCode: d.number(), Requests: 1}
	flags := d.uvarint()
	if flags&hasFailure != 0 {
		a.Failure = d.reason()
	}
	if flags&hasResponse != 0 {
		// Longer than any shortened one: not written by this program.
		if a.Response = d.copied(); len(a.Response) > webhook.MaxShortResponse {
			d.fail()
		}
	}
	if flags&hasLatency != 0 {
		a.Latency = d.duration()
	}
	if flags&hasRetryAfter != 0 {
		a.RetryAfter = d.duration()
	}
	a.ResponseTruncated = flags&isTruncated != 0
	if flags&hasRequests != 0 {
		a.Requests = d.number()
	}
	if flags&hasDetail != 0 {
		a.Detail = d.string()
	}
	if flags&hasLocation != 0 {
		a.Location = d.string()
	}
	if flags&hasEncoding != 0 {
		a.ResponseEncoding = d.string()
	}
	d.connection(&a, flags)
	return a
}

// copied returns a copy of bytes; nil if there are none.
func (d *decoder) copied() []byte {
	if b := d.bytes(); len(b) > 0 {
		return slices.Clone(b)
	}
	return nil
}

// attemptsOfVersion1 reads the attempts in a delivery's record of version 1. It has no
// number of requests: attempts that failed before one could be sent get 0.
func (d *decoder) attemptsOfVersion1() []webhook.Attempt {
	n := d.count()
	if n == 0 {
		return nil
	}
	log := make([]webhook.Attempt, 0, min(n, webhook.MaxAttemptLog))
	for i := 0; i < n && d.err == nil; i++ {
		a := webhook.Attempt{Number: d.number(), At: d.time(), Duration: d.duration(), StatusCode: d.number()}
		a.Failure, a.Response, a.RetryAfter = d.reason(), d.copied(), d.duration()
		switch a.Failure {
		case webhook.ReasonDNS, webhook.ReasonBlockedAddress, webhook.ReasonConnect, webhook.ReasonTLS:
		default: // at least one was sent
			a.Requests = 1
		}
		log = append(log, a)
	}
	return log
}

// EncodeAttempt returns the record of an attempt in a delivery's log.
func EncodeAttempt(a *webhook.Attempt) []byte {
	return appendAttempt(append(make([]byte, 0, 1+attemptSize(a)), recordVersion), a)
}

// DecodeAttempt reads what EncodeAttempt wrote.
func DecodeAttempt(record []byte) (webhook.Attempt, error) {
	d := newDecoder(record)
	a := d.attempt()
	return a, d.err
}

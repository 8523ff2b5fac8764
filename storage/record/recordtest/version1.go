// Package recordtest writes records as older versions of the program did, for tests
// of what reads them. It shares no code with package record: what was written once
// does not change when the encodings do.
package recordtest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// statusCodes and reasonCodes are the numbers that tests need, as they are on disk.
var (
	statusCodes = map[webhook.Status]byte{
		webhook.Queued: 0, webhook.Retrying: 1, webhook.Delivered: 2, webhook.Failed: 3, webhook.Cancelled: 4,
	}
	reasonCodes = map[webhook.Reason]byte{
		webhook.ReasonNone: 0, webhook.ReasonConnect: 3, webhook.ReasonTimeout: 5, webhook.ReasonReset: 6, webhook.ReasonHTTP5xx: 11,
	}
)

// DeliveryVersion1 returns the record of a delivery as schema version 2 wrote it: with
// all its attempts, and with whole responses.
func DeliveryVersion1(d *webhook.Delivery) []byte {
	dst := []byte{1, statusCodes[d.Status]}
	dst = text(dst, d.EventType)
	dst = numbers(dst, uint64(d.Attempts), uint64(d.Spent), uint64(d.NextAttemptAt))
	dst = instant(dst, d.FinishedAt)
	dst = append(dst, reasonCode(d.Reason))
	dst = numbers(dst, uint64(len(d.AttemptLog)))
	for _, a := range d.AttemptLog {
		dst = instant(numbers(dst, uint64(a.Number)), a.At)
		dst = numbers(dst, uint64(a.Duration.Microseconds()), uint64(a.StatusCode))
		dst = text(append(dst, reasonCode(a.Failure)), string(a.Response))
		dst = numbers(dst, uint64(a.RetryAfter.Microseconds()))
	}
	return dst
}

// KeyedEventVersion1 returns the record of an idempotency key as schema version 2
// wrote it: its fingerprint is of the event's data as it was published.
func KeyedEventVersion1(e *webhook.Event) []byte {
	sum := sha256.Sum256(append(text(text(nil, e.Type), e.ClientID), e.Data...))
	dst := e.ID.Event().AppendTo([]byte{1})
	return numbers(append(dst, sum[:16]...), uint64(len(e.Endpoints)))
}

func reasonCode(r webhook.Reason) byte {
	code, known := reasonCodes[r]
	if !known {
		panic(fmt.Sprintf("recordtest: the reason %q has no code here", r))
	}
	return code
}

func numbers(dst []byte, list ...uint64) []byte {
	for _, n := range list {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func text(dst []byte, s string) []byte { return append(numbers(dst, uint64(len(s))), s...) }

func instant(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, 0)
	}
	return binary.AppendVarint(dst, t.UnixMicro())
}

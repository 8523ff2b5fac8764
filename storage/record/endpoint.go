package record

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// endpointVersion is the version of an endpoint's record. Version 2 added DisabledAt,
// ReceiverSince, GateSince and ExpiresAt.
//
// A new field of webhook.Endpoint or of its Settings goes to the end of EncodeEndpoint
// and of DecodeEndpoint, there under `if version >= 3`, and the version becomes 3.
const endpointVersion = 2

// EncodeEndpoint returns the record of an endpoint, its ID included. The values of
// secrets and headers are in e.Sealed only: see package sealed.
func EncodeEndpoint(e *webhook.Endpoint) []byte {
	dst := append(make([]byte, 0, 256), endpointVersion)
	dst = e.ID.AppendTo(dst)
	dst = appendString(dst, e.ClientID)
	dst = binary.AppendUvarint(dst, uint64(len(e.EventTypes)))
	for _, pattern := range e.EventTypes {
		dst = appendString(dst, pattern)
	}
	dst = appendString(dst, e.TargetURL)
	dst = appendString(dst, e.Description)
	dst = binary.AppendUvarint(dst, uint64(len(e.Secrets)))
	// Their values are in Sealed, in the same order.
	for _, s := range e.Secrets {
		dst = appendTime(dst, s.ExpiresAt)
	}
	dst = appendString(dst, string(e.Status))
	dst = appendString(dst, e.DisabledReason)
	dst = appendTime(dst, e.CreatedAt)
	dst = appendTime(dst, e.UpdatedAt)
	dst = appendTime(dst, e.DeletedAt)
	dst = binary.AppendUvarint(dst, e.Revision)
	dst = appendSettings(dst, &e.Settings)
	dst = binary.AppendUvarint(dst, uint64(len(e.Headers)))
	for _, h := range e.Headers {
		dst = appendString(dst, h.Name)
	}
	dst = appendString(dst, e.CABundle)
	dst = appendBytes(appendString(dst, e.Sealed.KeyID), e.Sealed.Text)
	dst = appendTime(dst, e.DisabledAt)
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, e.ReceiverSince), e.GateSince)
	return appendTime(dst, e.ExpiresAt)
}

// appendSettings appends the settings of version 1. Later ones follow at the record's end.
func appendSettings(dst []byte, s *webhook.Settings) []byte {
	dst = appendDuration(dst, s.Timeout)
	dst = binary.AppendVarint(dst, int64(s.Concurrency))
	dst = appendFloat(dst, s.Rate)
	dst = binary.AppendVarint(dst, int64(s.Burst))
	dst = binary.AppendVarint(dst, int64(s.Retry.MaxAttempts))
	dst = appendDuration(dst, s.Retry.Initial)
	dst = appendFloat(dst, s.Retry.Multiplier)
	dst = appendDuration(dst, s.Retry.MaxDelay)
	dst = appendFloat(dst, s.Retry.Jitter)
	dst = binary.AppendVarint(dst, int64(s.Breaker.Failures))
	dst = appendDuration(dst, s.Breaker.Open)
	return appendDuration(dst, s.Breaker.MaxOpen)
}

// appendFloat appends all bits, so that a rate comes back exactly.
func appendFloat(dst []byte, f float64) []byte {
	return binary.AppendUvarint(dst, math.Float64bits(f))
}

func (d *decoder) float() float64 { return math.Float64frombits(d.uvarint()) }

func (d *decoder) int() int { return int(d.varint()) }

// DecodeEndpoint reads a record of any version and keeps nothing of it. Values of
// secrets and headers are in Sealed.
func DecodeEndpoint(record []byte) (webhook.Endpoint, error) {
	d, version := newDecoderUpTo(record, endpointVersion)
	if d.err != nil {
		return webhook.Endpoint{}, d.err
	}
	e := webhook.Endpoint{ID: d.id(), ClientID: d.string()}
	for range d.count() {
		e.EventTypes = append(e.EventTypes, d.string())
	}
	e.TargetURL, e.Description = d.string(), d.string()
	for range d.count() {
		e.Secrets = append(e.Secrets, signing.Secret{ExpiresAt: d.time()})
	}
	e.Status, e.DisabledReason = webhook.EndpointStatus(d.string()), d.string()
	e.CreatedAt, e.UpdatedAt, e.DeletedAt = d.time(), d.time(), d.time()
	e.Revision = d.uvarint()
	e.Settings = d.settings()
	for range d.count() {
		e.Headers = append(e.Headers, webhook.CustomHeader{Name: d.string()})
	}
	e.CABundle = d.string()
	e.Sealed = webhook.SealedValues{KeyID: d.string(), Text: bytes.Clone(d.bytes())}
	// Fields of later versions stay zero when an older record is read.
	if version >= 2 {
		e.DisabledAt = d.time()
		e.ReceiverSince, e.GateSince = d.uvarint(), d.uvarint()
		e.ExpiresAt = d.time()
	}
	return e, d.err
}

// id reads an ID as webhook.ID.AppendTo writes it.
func (d *decoder) id() webhook.ID {
	if len(d.rest) < webhook.IDSize {
		d.fail()
		return webhook.ID{}
	}
	raw := [webhook.IDSize]byte(d.rest)
	d.rest = d.rest[webhook.IDSize:]
	return webhook.IDFromBytes(raw)
}

// settings reads what appendSettings wrote.
func (d *decoder) settings() webhook.Settings {
	return webhook.Settings{
		Timeout:     d.duration(),
		Concurrency: d.int(),
		Rate:        d.float(),
		Burst:       d.int(),
		Retry: webhook.RetryPolicy{
			MaxAttempts: d.int(), Initial: d.duration(), Multiplier: d.float(), MaxDelay: d.duration(), Jitter: d.float(),
		},
		Breaker: webhook.BreakerPolicy{Failures: d.int(), Open: d.duration(), MaxOpen: d.duration()},
	}
}

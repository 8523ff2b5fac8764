package record

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
)

// Body is what is kept of a response apart from the attempt, as much of it as the sender
// kept.
type Body struct {
	Number    int // of the attempt
	Truncated bool
	// Text is the response's body; none if the attempt's record has all of it.
	Text []byte
	// Head is the response's head; "" if it is not kept.
	Head string
}

// BodyVersion is the version of a body's record that has a head. Those without one are
// of version 1.
const BodyVersion = 2

// Encode returns the record of a body.
func (b *Body) Encode() []byte {
	dst := make([]byte, 0, 16+len(b.Text)+len(b.Head))
	if b.Head == "" {
		dst = append(dst, recordVersion)
	} else {
		dst = append(dst, BodyVersion)
	}
	dst = binary.AppendUvarint(dst, uint64(max(b.Number, 0)))
	truncated := byte(0)
	if b.Truncated {
		truncated = 1
	}
	dst = append(dst, truncated)
	if b.Head != "" {
		dst = appendString(dst, b.Head)
	}
	return append(dst, b.Text...)
}

// DecodeBody reads what Body.Encode wrote. Text is a part of the record.
func DecodeBody(record []byte) (Body, error) {
	d, version := newDecoderUpTo(record, BodyVersion)
	b := Body{Number: d.number(), Truncated: d.byte() == 1}
	if version == BodyVersion {
		b.Head = d.string()
	}
	b.Text = d.rest
	return b, d.err
}

// encodeLong returns the record of what an attempt's response has besides the attempt's
// own record; nil if there is nothing.
func encodeLong(a *webhook.Attempt) []byte {
	b := Body{Number: a.Number, Truncated: a.ResponseTruncated, Head: a.ResponseHead}
	if len(a.Response) > webhook.MaxShortResponse {
		b.Text = a.Response
	}
	if b.Head == "" && b.Text == nil {
		return nil
	}
	return b.Encode()
}

// addTo adds to an attempt what the body has of its response.
func (b *Body) addTo(a *webhook.Attempt) {
	a.ResponseHead = b.Head
	if len(b.Text) > 0 {
		a.Response, a.ResponseTruncated = b.Text, b.Truncated
	}
}

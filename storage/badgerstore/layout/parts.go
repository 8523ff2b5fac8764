package layout

import (
	"encoding/binary"
	"math"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// Part is some of the recipients of an event: all of them, and among these the ones
// whose deliveries are withheld. It has what a crash would otherwise take away: who
// still has to get a delivery, and of which status.
type Part struct{ All, Disabled, Limited []webhook.EndpointNumber }

// Remainder names the parts of an event that have no deliveries yet: Next to Last.
type Remainder struct{ Next, Last int }

// Encode returns the record of a part.
func (p *Part) Encode() []byte {
	dst := append(make([]byte, 0, 2*len(p.All)+16), version)
	for _, list := range [][]webhook.EndpointNumber{p.All, p.Disabled, p.Limited} {
		dst = record.AppendNumbers(dst, list)
	}
	return dst
}

// DecodePart reads what Part.Encode wrote.
func DecodePart(value []byte) (Part, error) {
	var p Part
	rest, err := fields(value)
	for _, list := range []*[]webhook.EndpointNumber{&p.All, &p.Disabled, &p.Limited} {
		if err == nil {
			*list, rest, err = record.CutNumbers(rest)
		}
	}
	return p, err
}

// Encode returns the record of a remainder.
func (p Remainder) Encode() []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{version}, uint64(p.Next)), uint64(p.Last))
}

// DecodeRemainder reads what Remainder.Encode wrote.
func DecodeRemainder(value []byte) (Remainder, error) {
	rest, err := fields(value)
	if err != nil {
		return Remainder{}, err
	}
	next, rest, err := cutUvarint(rest, math.MaxInt32)
	if err != nil {
		return Remainder{}, err
	}
	last, _, err := cutUvarint(rest, math.MaxInt32)
	return Remainder{Next: int(next), Last: int(last)}, err
}

package eventinput

import (
	"errors"

	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// errStructure reports that brackets, quotes, commas and colons of a text do not stand
// where JSON has them. The errors of this package replace it before they return.
var errStructure = errors.New("not the structure of JSON")

// scanner walks over a JSON text from value to value. It matches brackets and quotes and
// does not look inside of values. A text that it walks over to the end is valid JSON if
// all the values that it returned are: that is why checking the values suffices.
type scanner struct {
	text []byte
	at   int // the position of the next byte
}

// space skips white space and returns the next byte without taking it; 0 at the end.
func (s *scanner) space() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take skips white space and then the byte c. It reports whether c was there.
func (s *scanner) take(c byte) bool {
	if s.space() != c {
		return false
	}
	s.at++
	return true
}

// end reports whether only white space is left. A NUL byte is no end.
func (s *scanner) end() bool { return s.space() == 0 && s.at == len(s.text) }

// value takes the next value and returns its raw form, and the shape that its canonical
// form depends on.
func (s *scanner) value() ([]byte, canonicaljson.Shape, error) {
	s.space()
	start := s.at
	end, shape, ok := canonicaljson.Skip(s.text, start)
	if !ok {
		return nil, shape, errStructure
	}
	s.at = end
	return s.text[start:end], shape, nil
}

// name takes the name of a member and the colon behind it. It returns the raw form of the
// name, with its quotes. first says that no comma stands in front.
func (s *scanner) name(first bool) ([]byte, error) {
	if !first && !s.take(',') || s.space() != '"' {
		return nil, errStructure
	}
	name, _, err := s.value()
	if err == nil && !s.take(':') {
		err = errStructure
	}
	return name, err
}

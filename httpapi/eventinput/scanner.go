package eventinput

import (
	"bytes"
	"errors"
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

// value takes the next value and returns its raw form.
func (s *scanner) value() ([]byte, error) {
	c := s.space()
	start := s.at
	switch c {
	case '"':
		if err := s.skipString(); err != nil {
			return nil, err
		}
	case '{', '[':
		if err := s.skipNested(); err != nil {
			return nil, err
		}
	default:
		s.skipLiteral()
	}
	if s.at == start {
		return nil, errStructure
	}
	return s.text[start:s.at], nil
}

// skipString skips the string that begins here. It searches for quotes rather than
// looking at each byte, since strings are most of a document.
func (s *scanner) skipString() error {
	for i := s.at + 1; ; {
		next := bytes.IndexByte(s.text[i:], '"')
		if next < 0 {
			return errStructure
		}
		i += next + 1
		escapes := 0 // an odd number of backslashes in front escapes the quote
		for s.text[i-2-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			s.at = i
			return nil
		}
	}
}

// skipNested skips the object or array that begins here. It counts brackets of both
// kinds together: the check of the value finds those that do not match.
func (s *scanner) skipNested() error {
	for depth := 0; s.at < len(s.text); {
		switch s.text[s.at] {
		case '"':
			if err := s.skipString(); err != nil {
				return err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return nil
		}
	}
	return errStructure
}

// skipLiteral skips a number, true, false, null, or whatever stands in the place of one.
func (s *scanner) skipLiteral() {
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case ',', ':', ']', '}', '[', '{', '"', ' ', '\t', '\r', '\n':
			return
		}
	}
}

// name takes the name of a member and the colon behind it. It returns the raw form of the
// name, with its quotes. first says that no comma stands in front.
func (s *scanner) name(first bool) ([]byte, error) {
	if !first && !s.take(',') || s.space() != '"' {
		return nil, errStructure
	}
	name, err := s.value()
	if err == nil && !s.take(':') {
		err = errStructure
	}
	return name, err
}

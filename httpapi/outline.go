package httpapi

import (
	"bytes"
	"errors"
)

// errOutline: a text does not have the outline of JSON.
var errOutline = errors.New("not the outline of JSON")

// outline walks over a JSON text from value to value, and finds where each
// begins and ends without looking inside: it matches brackets and quotes only.
// What it gives out has still to be checked; a text that it walks over to its
// end is valid if all the values are. It makes an event's data be read once, and
// one bad event of a batch fail alone.
type outline struct {
	text []byte
	at   int
}

// space skips white space and tells the next byte; 0 at the end.
func (o *outline) space() byte {
	for ; o.at < len(o.text); o.at++ {
		switch c := o.text[o.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take skips white space and then the byte c. False if another one is there.
func (o *outline) take(c byte) bool {
	if o.space() != c {
		return false
	}
	o.at++
	return true
}

// end tells whether nothing but white space is left.
func (o *outline) end() bool { return o.space() == 0 && o.at == len(o.text) }

// value takes the next value.
func (o *outline) value() ([]byte, error) {
	var err error
	start := 0
	switch c := o.space(); c {
	case '"':
		start = o.at
		err = o.skipString()
	case '{', '[':
		start = o.at
		err = o.skipNested()
	default:
		start = o.at
		o.skipLiteral()
	}
	if err == nil && o.at == start {
		err = errOutline
	}
	return o.text[start:o.at], err
}

// skipString goes past the string that begins here.
func (o *outline) skipString() error {
	for i := o.at + 1; ; {
		next := bytes.IndexByte(o.text[i:], '"')
		if next < 0 {
			return errOutline
		}
		i += next + 1
		escapes := 0
		for o.text[i-2-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			o.at = i
			return nil
		}
	}
}

// skipNested goes past the object or array that begins here.
func (o *outline) skipNested() error {
	for depth := 0; o.at < len(o.text); {
		switch o.text[o.at] {
		case '"':
			if err := o.skipString(); err != nil {
				return err
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		o.at++
		if depth == 0 {
			return nil
		}
	}
	return errOutline
}

// skipLiteral goes past a number, true, false, null, or what stands in their place.
func (o *outline) skipLiteral() {
	for ; o.at < len(o.text); o.at++ {
		switch o.text[o.at] {
		case ',', ':', ']', '}', '[', '{', '"', ' ', '\t', '\r', '\n':
			return
		}
	}
}

// members calls visit with the raw name and value of each member of the object
// that is the whole text.
func (o *outline) members(visit func(name, value []byte) error) error {
	if !o.take('{') {
		return errOutline
	}
	for first := true; !o.take('}'); first = false {
		if !first && !o.take(',') || o.space() != '"' {
			return errOutline
		}
		name, err := o.value()
		if err != nil {
			return err
		}
		if !o.take(':') {
			return errOutline
		}
		value, err := o.value()
		if err != nil {
			return err
		}
		if err := visit(name, value); err != nil {
			return err
		}
	}
	if !o.end() {
		return errOutline
	}
	return nil
}

// elements calls visit with each element of the array that is the whole text.
func (o *outline) elements(visit func(value []byte) error) error {
	if !o.take('[') {
		return errOutline
	}
	for first := true; !o.take(']'); first = false {
		if !first && !o.take(',') {
			return errOutline
		}
		value, err := o.value()
		if err != nil {
			return err
		}
		if err := visit(value); err != nil {
			return err
		}
	}
	if !o.end() {
		return errOutline
	}
	return nil
}

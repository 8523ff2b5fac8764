package eventinput

import (
	"bytes"
	"fmt"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// ContentLines is the media type of a batch with one event per line.
const ContentLines = "application/x-ndjson"

// Batch is the body of a call that publishes many events: a JSON array of them, or one
// per line (NDJSON).
type Batch struct {
	body  []byte
	lines bool
}

// NewBatch returns the batch in a body. The body has lines if its media type says so, or
// if it begins with an object, since an array never does.
func NewBatch(body, contentType []byte) Batch {
	s := scanner{text: body}
	return Batch{body: body, lines: s.space() == '{' || bytes.HasPrefix(contentType, []byte(ContentLines))}
}

// Each calls visit with each event in the order of the body, or with the error that says
// what is wrong with this event. The input is valid until visit returns: the next event
// takes its place. Each itself returns an error if the body cannot be
// divided into events, has none, or has more than most. It may find that out after it
// called visit: the events visited so far must not be published then.
func (b Batch) Each(most int, visit func(in *Input, err error)) error {
	if jsonbody.IsBlank(b.body) {
		return jsonbody.Missing("events: a JSON array, or one event per line")
	}
	divide := b.eachElement
	if b.lines {
		divide = b.eachLine
	}
	seen := 0
	err := divide(func(in *Input, err error) error {
		if seen++; seen > most {
			return invalid(jsonbody.Whole, fmt.Sprintf("has more than %d events", most))
		}
		visit(in, err)
		return nil
	})
	if err == nil && seen == 0 {
		return invalid(jsonbody.Whole, "has no events")
	}
	return err
}

// eachLine visits the lines that are not empty. It stops at an error of visit.
func (b Batch) eachLine(visit func(*Input, error) error) error {
	var in Input
	for line := range bytes.Lines(b.body) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var broken error
		in, broken = Parse(line)
		if err := visit(&in, broken); err != nil {
			return err
		}
	}
	return nil
}

// eachElement visits the elements of the array. It stops at an error of visit.
func (b Batch) eachElement(visit func(*Input, error) error) error {
	var in Input
	s := scanner{text: b.body}
	if !s.take('[') {
		return b.explain()
	}
	for first := true; !s.take(']'); first = false {
		if !first && !s.take(',') {
			return b.explain()
		}
		in = Input{}
		broken, err := in.element(&s)
		if err != nil {
			return b.explain()
		}
		if err := visit(&in, broken); err != nil {
			return err
		}
	}
	if !s.end() {
		return b.explain()
	}
	return nil
}

// element takes the next element and reads it as an event. broken says why it is none;
// err says that the element does not end. A good event is scanned once: only behind a
// broken one the scanner goes back, to find its end by its brackets.
func (in *Input) element(s *scanner) (broken, err error) {
	s.space()
	start := s.at
	if broken = in.scan(s); broken == nil {
		return nil, nil
	}
	s.at = start
	text, _, err := s.value()
	if err != nil {
		return broken, err
	}
	return explain(broken, text), nil
}

// explain returns what is wrong with an array that cannot be divided.
func (b Batch) explain() error {
	if _, err := canonicaljson.Append(nil, b.body); err != nil {
		return jsonbody.InField(err, "")
	}
	return invalid(jsonbody.Whole, "must be a JSON array of events, or one event per line")
}

// Estimate returns about how many events the batch has, as if all were as long as the
// first; 1 or more. It is for the size of the caller's slices.
func (b Batch) Estimate() int {
	s := scanner{text: b.body}
	if !b.lines {
		s.take('[')
	}
	first, _, err := s.value()
	if err != nil {
		return 1
	}
	return len(b.body)/(len(first)+1) + 1
}

// Spread reports whether a batch of lines begins with a JSON value over several lines.
// Its author meant one event, or did not know that each event needs a line of its own.
func (b Batch) Spread() bool {
	if !b.lines {
		return false
	}
	s := scanner{text: b.body}
	first, _, err := s.value()
	if err != nil || bytes.IndexByte(first, '\n') < 0 {
		return false
	}
	_, err = canonicaljson.Append(nil, first)
	return err == nil
}

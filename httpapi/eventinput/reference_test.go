package eventinput

import (
	"bytes"
	"errors"

	"github.com/corpastro/astrohook/httpapi/jsonbody"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// This file holds a slow reader of batches that the fuzz tests and the benchmark compare
// Batch.Each with: it divides the whole body first, then reads each event from its first
// byte on. It is the specification of what a bad event among good ones does.

// referenceEvents returns the inputs and errors that Each must visit.
func referenceEvents(b Batch, most int) (all []Input, broken []error, err error) {
	texts, err := referenceSplit(b, most)
	if err != nil {
		return nil, nil, err
	}
	for _, text := range texts {
		in, err := Parse(text)
		all, broken = append(all, in), append(broken, err)
	}
	return all, broken, nil
}

// referenceSplit returns the text of each event.
func referenceSplit(b Batch, most int) (texts [][]byte, err error) {
	if jsonbody.IsBlank(b.body) {
		return nil, jsonbody.Missing("events: a JSON array, or one event per line")
	}
	if b.lines {
		texts = referenceLines(b.body, most)
	} else {
		texts, err = referenceElements(b.body, most)
	}
	switch {
	case len(texts) > most:
		return nil, errReferenceMany
	case err != nil:
		return nil, b.explain()
	case len(texts) == 0:
		return nil, invalid(jsonbody.Whole, "has no events")
	}
	return texts, nil
}

// errReferenceMany stands for a batch of too many events.
var errReferenceMany = errors.New("too many events")

// referenceElements returns the elements of an array, one more than most at most.
func referenceElements(body []byte, most int) (texts [][]byte, err error) {
	s := scanner{text: body}
	if !s.take('[') {
		return nil, errStructure
	}
	for first := true; !s.take(']'); first = false {
		if !first && !s.take(',') {
			return texts, errStructure
		}
		text, _, err := s.value()
		if err != nil {
			return texts, err
		}
		if texts = append(texts, text); len(texts) > most {
			return texts, nil
		}
	}
	if !s.end() {
		return texts, errStructure
	}
	return texts, nil
}

// referenceLines returns the lines that are not empty, one more than most at most.
func referenceLines(body []byte, most int) (texts [][]byte) {
	for _, line := range bytes.Split(body, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			texts = append(texts, line)
		}
	}
	return texts[:min(len(texts), most+1)]
}

// referenceCanonical reports whether a full parser takes a text.
func referenceCanonical(text []byte) bool {
	_, err := canonicaljson.Append(nil, text)
	return err == nil
}

package record

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// longText is a response that is too long for an attempt's own record.
var longText = bytes.Repeat([]byte("b"), 3*webhook.MaxShortResponse)

// TestSlots: the latest attempts take the places of the oldest, and no others.
func TestSlots(t *testing.T) {
	for name, c := range map[string]struct {
		slot   func(number int) int
		places int
	}{
		"attempts": {AttemptSlot, webhook.MaxAttemptLog},
		"bodies":   {BodySlot, webhook.MaxLongResponses},
	} {
		last := map[int]int{}
		for number := 1; number <= 3*c.places; number++ {
			slot := c.slot(number)
			if before := last[slot]; before != 0 && before != number-c.places {
				t.Errorf("%s: %d takes the place of %d", name, number, before)
			}
			last[slot] = number
		}
		if len(last) != c.places {
			t.Errorf("%s take %d places, want %d", name, len(last), c.places)
		}
	}
}

// TestEncodeLogged: a body has a record of its own only if the attempt's cannot hold it.
func TestEncodeLogged(t *testing.T) {
	for size, apart := range map[int]bool{0: false, webhook.MaxShortResponse: false, webhook.MaxShortResponse + 1: true} {
		a := webhook.Attempt{Number: 7, Response: longText[:size], ResponseTruncated: true, Requests: 1}
		l := EncodeLogged(&a)
		if l.Number != 7 || (l.Body != nil) != apart {
			t.Errorf("%d bytes: attempt %d, a body apart: %t", size, l.Number, l.Body != nil)
		}
		got, err := DecodeAttempt(l.Attempt)
		if err != nil || len(got.Response) != min(size, webhook.MaxShortResponse) || !got.ResponseTruncated {
			t.Errorf("%d bytes: %+v, %v", size, got, err)
		}
		if !apart {
			continue
		}
		if b, err := DecodeBody(l.Body); err != nil || b.Number != 7 || !b.Truncated || len(b.Text) != size {
			t.Errorf("%d bytes: body %+v, %v", size, b, err)
		}
	}
}

// log returns the attempts first to last.
func log(first, last int) (out []webhook.Attempt) {
	for n := first; n <= last; n++ {
		out = append(out, webhook.Attempt{Number: n, Response: []byte("short"), ResponseTruncated: true})
	}
	return out
}

// TestJoinLog: what a single read shows is the latest attempts in their order, each once,
// and the long bodies of the latest two.
func TestJoinLog(t *testing.T) {
	newer := webhook.Attempt{Number: 3, StatusCode: 503}
	shuffled := log(1, 5)
	slices.Reverse(shuffled)
	for name, c := range map[string]struct {
		own, logged []webhook.Attempt
		bodies      []int // of which attempts
		numbers     []int
		long        []int // attempts that show the whole body
	}{
		"nothing":                           {nil, nil, nil, nil, nil},
		"a log in any order":                {nil, shuffled, nil, []int{1, 2, 3, 4, 5}, nil},
		"the last one in the record":        {[]webhook.Attempt{newer}, log(1, 2), nil, []int{1, 2, 3}, nil},
		"the record's own copy counts":      {[]webhook.Attempt{newer}, log(1, 3), nil, []int{1, 2, 3}, nil},
		"a place that was not taken yet":    {log(21, 21), log(1, 20), nil, []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}, nil},
		"attempts that are missing":         {nil, append(log(1, 1), log(9, 9)...), nil, []int{1, 9}, nil},
		"bodies":                            {nil, log(1, 4), []int{4, 3}, []int{1, 2, 3, 4}, []int{3, 4}},
		"a body in the record's attempt":    {log(4, 4), log(1, 3), []int{3, 4}, []int{1, 2, 3, 4}, []int{3, 4}},
		"a body whose place nobody took":    {nil, log(1, 3), []int{1, 2}, []int{1, 2, 3}, []int{2}},
		"a body whose attempt is not there": {nil, log(2, 3), []int{1}, []int{2, 3}, nil},
	} {
		d := webhook.Delivery{AttemptLog: slices.Clone(c.own)}
		var bodies []Body
		for _, number := range c.bodies {
			bodies = append(bodies, Body{Number: number, Text: longText})
		}
		JoinLog(&d, c.logged, bodies)
		var numbers, long []int
		for _, a := range d.AttemptLog {
			numbers = append(numbers, a.Number)
			if len(a.Response) > webhook.MaxShortResponse && !a.ResponseTruncated {
				long = append(long, a.Number)
			}
			if a.Number == newer.Number && len(c.own) > 0 && c.own[0].StatusCode != a.StatusCode && c.own[0].Number == a.Number {
				t.Errorf("%s: the log's copy replaces the record's", name)
			}
		}
		if !slices.Equal(numbers, c.numbers) || !slices.Equal(long, c.long) {
			t.Errorf("%s: attempts %v, long %v; want %v, %v", name, numbers, long, c.numbers, c.long)
		}
	}
}

// TestJoinLogKeepsTheCallersList: attempts that the caller still has do not change.
func TestJoinLogKeepsTheCallersList(t *testing.T) {
	own := log(2, 2)
	d := webhook.Delivery{AttemptLog: own}
	JoinLog(&d, log(1, 1), []Body{{Number: 2, Text: longText}})
	if !reflect.DeepEqual(own, log(2, 2)) || len(d.AttemptLog[1].Response) != len(longText) {
		t.Errorf("%+v; joined %+v", own, d.AttemptLog)
	}
}

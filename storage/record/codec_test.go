package record

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestCodec: what is appended is read back, at every edge of its range.
func TestCodec(t *testing.T) {
	times := []time.Time{{}, time.UnixMicro(1).UTC(), time.UnixMicro(-1).UTC(), time.UnixMicro(1 << 50).UTC()}
	durations := []time.Duration{0, time.Microsecond, time.Hour, math.MaxInt64 / 1000 * 1000}
	floats := []float64{0, 0.1, -1, math.MaxFloat64, math.Inf(1)}
	texts := []string{"", "a", "ünï", string(make([]byte, 300))}
	var record []byte
	for _, v := range times {
		record = appendTime(record, v)
	}
	for _, v := range durations {
		record = appendDuration(record, v)
	}
	for _, v := range floats {
		record = appendFloat(record, v)
	}
	for _, v := range texts {
		record = appendBytes(appendString(record, v), []byte(v))
	}
	d := &decoder{rest: record}
	for _, want := range times {
		if got := d.time(); !got.Equal(want) {
			t.Errorf("time %v, want %v", got, want)
		}
	}
	for _, want := range durations {
		if got := d.duration(); got != want {
			t.Errorf("duration %v, want %v", got, want)
		}
	}
	for _, want := range floats {
		if got := d.float(); got != want {
			t.Errorf("float %v, want %v", got, want)
		}
	}
	for _, want := range texts {
		if got := d.string(); got != want {
			t.Errorf("text %q, want %q", got, want)
		}
		if got := d.bytes(); string(got) != want {
			t.Errorf("bytes %q, want %q", got, want)
		}
	}
	if d.err != nil || len(d.rest) > 0 {
		t.Errorf("%v, %d bytes are left", d.err, len(d.rest))
	}
}

// TestPrecision: times keep microseconds, and a negative duration becomes none.
func TestPrecision(t *testing.T) {
	d := &decoder{rest: appendTime(nil, time.Unix(1, 1999))}
	if got := d.time(); !got.Equal(time.Unix(1, 1000)) {
		t.Errorf("1.999 µs are read as %v", got)
	}
	d = &decoder{rest: appendDuration(nil, -time.Second)}
	if got := d.duration(); got != 0 || d.err != nil {
		t.Errorf("a negative duration is read as %v, %v", got, d.err)
	}
}

// TestDecoderRefuses: no damage makes it read past the end, or allocate what a record
// of its size cannot hold; after the first error everything is zero.
func TestDecoderRefuses(t *testing.T) {
	huge := bytes.Repeat([]byte{0xff}, 9)
	for name, c := range map[string]struct {
		record []byte
		read   func(d *decoder)
	}{
		"a byte of nothing":         {nil, func(d *decoder) { d.byte() }},
		"a number of nothing":       {nil, func(d *decoder) { d.uvarint() }},
		"a number without end":      {[]byte{0x80}, func(d *decoder) { d.varint() }},
		"a number that overflows":   {append(bytes.Clone(huge), 0xff, 0x7f), func(d *decoder) { d.uvarint() }},
		"a text longer than all":    {[]byte{5, 'a'}, func(d *decoder) { _ = d.string() }},
		"a list longer than all":    {append(bytes.Clone(huge), 1), func(d *decoder) { d.numbers() }},
		"an ID cut off":             {make([]byte, webhook.IDSize-1), func(d *decoder) { d.id() }},
		"a count that is too large": {append(bytes.Clone(huge), 1), func(d *decoder) { d.number() }},
		"a duration that overflows": {append(bytes.Clone(huge), 1), func(d *decoder) { d.duration() }},
		"an unknown status":         {[]byte{200}, func(d *decoder) { d.status() }},
		"an unknown reason":         {[]byte{200}, func(d *decoder) { d.reason() }},
	} {
		d := &decoder{rest: c.record}
		c.read(d)
		if !errors.Is(d.err, ErrDamaged) || len(d.rest) > 0 {
			t.Errorf("%s: %v, %d bytes are left", name, d.err, len(d.rest))
		}
		if d.byte() != 0 || d.uvarint() != 0 || d.string() != "" || !d.time().IsZero() || d.numbers() != nil {
			t.Errorf("%s: something is read after the error", name)
		}
	}
}

// TestVersions: a decoder reads all versions up to its own.
func TestVersions(t *testing.T) {
	for _, c := range []struct {
		record []byte
		newest byte
		want   error
	}{
		{[]byte{1}, 1, nil},
		{[]byte{1}, 3, nil},
		{[]byte{3}, 3, nil},
		{[]byte{4}, 3, ErrDamaged},
		{[]byte{0}, 3, ErrDamaged},
		{nil, 3, ErrDamaged},
	} {
		d, version := newDecoderUpTo(c.record, c.newest)
		if !errors.Is(d.err, c.want) || c.want == nil && version != c.record[0] {
			t.Errorf("%v up to %d: version %d, %v; want %v", c.record, c.newest, version, d.err, c.want)
		}
	}
}

// TestReasons: a reason of a newer program is kept as text.
func TestReasons(t *testing.T) {
	for _, r := range append(slices.Clone(webhook.Reasons), webhook.ReasonNone, "of a newer program") {
		d := &decoder{rest: appendReason(nil, r)}
		if got := d.reason(); got != r || d.err != nil || len(d.rest) > 0 {
			t.Errorf("%q is read as %q, %v", r, got, d.err)
		}
	}
}

// TestFresh: a delivery that was never attempted is queued, and everything else is not fresh.
func TestFresh(t *testing.T) {
	got, err := DecodeDelivery(someID, Fresh)
	if err != nil || got.ID != someID || got.Status != webhook.Queued || got.EventType != "" || got.Attempts != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	requeued := webhook.Delivery{ID: someID, Status: webhook.Queued, Attempts: 3, EventType: "t"}
	if IsFresh(EncodeDelivery(&requeued)) {
		t.Error("a delivery with a history is written as fresh")
	}
	if got, err := DecodeDue(someID, EncodeDelivery(&requeued)); err != nil || got.Attempts != 3 || got.EventType != "t" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestAttemptsTakeWhatTheyHave: each field costs nothing until it is set, and is read
// back when it is.
func TestAttemptsTakeWhatTheyHave(t *testing.T) {
	plain := webhook.Attempt{Number: 1, At: time.UnixMicro(1).UTC(), StatusCode: 200, Requests: 1}
	smallest := len(EncodeAttempt(&plain))
	for name, set := range map[string]func(*webhook.Attempt){
		"failure":     func(a *webhook.Attempt) { a.Failure = webhook.ReasonDNS },
		"response":    func(a *webhook.Attempt) { a.Response = []byte("text") },
		"latency":     func(a *webhook.Attempt) { a.Latency = time.Second },
		"retry after": func(a *webhook.Attempt) { a.RetryAfter = time.Minute },
		"truncated":   func(a *webhook.Attempt) { a.Response, a.ResponseTruncated = []byte("t"), true },
		"requests":    func(a *webhook.Attempt) { a.Requests = 0 },
		"detail":      func(a *webhook.Attempt) { a.Detail = "detail" },
		"location":    func(a *webhook.Attempt) { a.Location = "/elsewhere" },
		"encoding":    func(a *webhook.Attempt) { a.ResponseEncoding = "br" },
	} {
		a := plain
		set(&a)
		record := EncodeAttempt(&a)
		got, err := DecodeAttempt(record)
		if err != nil || got.Failure != a.Failure || got.Latency != a.Latency || got.RetryAfter != a.RetryAfter ||
			got.ResponseTruncated != a.ResponseTruncated || got.Requests != a.Requests || got.Detail != a.Detail ||
			got.Location != a.Location || got.ResponseEncoding != a.ResponseEncoding || !bytes.Equal(got.Response, a.Response) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, a)
		}
		if len(record) <= smallest {
			t.Errorf("%s takes no room, and would not survive", name)
		}
	}
}

// TestPlainAttempt: the attempt of most deliveries takes six bytes and its version.
func TestPlainAttempt(t *testing.T) {
	plain := webhook.Attempt{Number: 1, At: time.UnixMicro(1).UTC(), StatusCode: 200, Requests: 1}
	want := []byte{recordVersion, 1, 2, 0, 200, 1, 0} // 2: one microsecond; 200, 1: the code in two bytes
	if got := EncodeAttempt(&plain); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
}

// TestAttemptsAreShort: a response that is longer than those which are written is
// damage, because lists show it as it is.
func TestAttemptsAreShort(t *testing.T) {
	record := func(size int) []byte {
		dst := []byte{recordVersion, 1, 0, 0, 0, hasResponse}
		return appendBytes(dst, make([]byte, size))
	}
	if a, err := DecodeAttempt(record(webhook.MaxShortResponse)); err != nil || len(a.Response) != webhook.MaxShortResponse {
		t.Errorf("the longest: %d bytes, %v", len(a.Response), err)
	}
	if _, err := DecodeAttempt(record(webhook.MaxShortResponse + 1)); !errors.Is(err, ErrDamaged) {
		t.Errorf("one byte more: %v", err)
	}
}

// TestBodiesAndGates come back as they were, with and without what may be missing.
func TestBodiesAndGates(t *testing.T) {
	for _, want := range []Body{{Number: 300, Text: []byte("text")}, {Number: 1, Truncated: true, Text: []byte{}}} {
		got, err := DecodeBody(want.Encode())
		if err != nil || got.Number != want.Number || got.Truncated != want.Truncated || !bytes.Equal(got.Text, want.Text) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	for _, want := range []webhook.GateState{{}, {Openings: 3}, {OpenUntil: time.UnixMicro(5).UTC(), Openings: 1, Since: 300}} {
		if got, err := DecodeGate(EncodeGate(want)); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
}

package eventinput

import (
	"strings"
	"testing"
)

// typicalEvent is an event of 512 bytes.
func typicalEvent() string {
	const start = `{"event_type":"user.created","data":{"user_id":"usr_01J9Z8","plan":"gold","age":42,"score":12.5,"tags":["a","b","c"],` +
		`"address":{"street":"1 Main St","city":"Springfield","zip":"12345","country":"US"},"active":true,"referrer":null,` +
		`"created":"2025-05-17T10:30:45.123Z","history":[{"at":1747477845,"what":"signup"},{"at":1747477846,"what":"login"}],"note":"`
	const end = `"}}`
	return start + strings.Repeat("x", 512-len(start)-len(end)) + end
}

// typicalBatch is a batch of 100 such events.
func typicalBatch() Batch {
	return NewBatch([]byte("["+strings.Repeat(typicalEvent()+",", 99)+typicalEvent()+"]"), nil)
}

// read checks all members of an input, as publishing does.
func read(in *Input) error {
	if _, err := in.EventType(); err != nil {
		return err
	}
	if _, _, err := in.ClientID(); err != nil {
		return err
	}
	if _, err := in.Key(); err != nil {
		return err
	}
	_, err := in.Data()
	return err
}

// TestAllocations: of an event only its data is allocated, whether it came alone or in a
// batch. A batch costs four more, whatever its size.
func TestAllocations(t *testing.T) {
	text, batch := []byte(typicalEvent()), typicalBatch()
	for _, c := range []struct {
		why  string
		most float64
		run  func() error
	}{
		{"one event", 1, func() error {
			in, err := Parse(text)
			if err != nil {
				return err
			}
			return read(&in)
		}},
		{"a batch of 100", 104, func() error {
			return batch.Each(100, func(in *Input, err error) {
				if err == nil {
					err = read(in)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}},
	} {
		allocations := testing.AllocsPerRun(100, func() {
			if err := c.run(); err != nil {
				t.Fatal(err)
			}
		})
		if allocations > c.most && !raceDetector {
			t.Errorf("%s: %.0f allocations, more than %.0f", c.why, allocations, c.most)
		}
	}
}

// BenchmarkBatch compares one walk over a batch with dividing it first and reading its
// events then.
func BenchmarkBatch(b *testing.B) {
	batch := typicalBatch()
	b.Run("one walk", func(b *testing.B) {
		b.SetBytes(int64(len(batch.body)))
		b.ReportAllocs()
		for b.Loop() {
			err := batch.Each(1000, func(in *Input, err error) {
				if err == nil {
					err = read(in)
				}
				if err != nil {
					b.Fatal(err)
				}
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("divided first", func(b *testing.B) {
		b.SetBytes(int64(len(batch.body)))
		b.ReportAllocs()
		for b.Loop() {
			texts, err := referenceSplit(batch, 1000)
			if err != nil {
				b.Fatal(err)
			}
			for _, text := range texts {
				in, err := Parse(text)
				if err == nil {
					err = read(&in)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkEvent reads one event.
func BenchmarkEvent(b *testing.B) {
	text := []byte(typicalEvent())
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		in, err := Parse(text)
		if err == nil {
			err = read(&in)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

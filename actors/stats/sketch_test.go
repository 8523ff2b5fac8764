package stats

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// TestSketch: a sketch has all that was counted, in buckets that are no quicker, and its bytes
// are read as what they were. One of few buckets is exact, and a sketch of a sketch is the same.
func TestSketch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 500 {
		var of [latencyBuckets]uint32
		total := uint64(0)
		for range random.IntN(40) {
			n := random.Uint32N(1000)
			of[random.IntN(latencyBuckets)] += n
			total += uint64(n)
		}
		if round == 0 { // every bucket
			for i := range of {
				of[i]++
				total++
			}
		}
		s := newSketch(&of)
		var back [latencyBuckets]uint32
		s.fill(&back)
		kept := uint64(0)
		for _, n := range back {
			kept += uint64(n)
		}
		if kept != total {
			t.Fatalf("%d are kept of %d", kept, total)
		}
		for _, q := range []float64{0, 0.5, 0.95, 0.99, 1} {
			if was, is := quantile(&of, q), quantile(&back, q); is < was {
				t.Errorf("%v of the answers took %s, was %s", q, is, was)
			}
		}
		if again := newSketch(&back); again != s {
			t.Errorf("a sketch of %+v is %+v", s, again)
		}
		r := &reader{rest: s.append(nil)}
		if read := r.sketch(); read != s || r.failed || len(r.rest) > 0 {
			t.Errorf("%+v is read as %+v", s, read)
		}
	}
}

// TestSketchOfFew: the answers of one receiver lie close together, and lose nothing.
func TestSketchOfFew(t *testing.T) {
	var of [latencyBuckets]uint32
	for ms := range 20 {
		of[latencyBucket(time.Duration(40+ms)*time.Millisecond)]++
	}
	of[latencyBucket(2*time.Second)]++
	var back [latencyBuckets]uint32
	s := newSketch(&of)
	if s.fill(&back); back != of {
		t.Errorf("%v is kept as %v", of, back)
	}
	if n := len(s.append(nil)); n > 16 {
		t.Errorf("it takes %d bytes", n)
	}
}

// TestSketchOfOthers: too many buckets, and one that no histogram has, are refused.
func TestSketchOfOthers(t *testing.T) {
	for _, bad := range [][]byte{{}, {9}, {1}, {1, latencyBuckets, 1}, {1, 5}, {1, 0xff}, append([]byte{8}, bytes.Repeat([]byte{1}, 15)...)} {
		r := &reader{rest: bad}
		if s := r.sketch(); !r.failed {
			t.Errorf("%x is read as %+v", bad, s)
		}
	}
}

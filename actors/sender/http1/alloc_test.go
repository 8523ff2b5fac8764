//go:build !race

// The race detector makes pools forget on purpose, so that allocations cannot be
// counted under it.

package http1

import (
	"testing"
	"time"
)

// TestReadAllocates: a usual response costs its excerpt, or the reader that drains
// its body where nothing is kept.
func TestReadAllocates(t *testing.T) {
	answer := []byte(expressAnswer)
	conn := &scripted{piece: 1 << 20}
	deadline := time.Now().Add(time.Minute)
	for _, limit := range []int{0, 1 << 10} {
		allocs := testing.AllocsPerRun(1000, func() {
			conn.text = answer
			r := NewResponseReader(conn)
			h, err := r.ReadHead()
			if err != nil {
				t.Fatal(err)
			}
			if !r.ReadBody(&h, limit, deadline).Clean {
				t.Fatal("the body was not read to its end")
			}
			r.Release()
		})
		if allocs > 1 {
			t.Errorf("%v allocations with %d bytes kept, want 1", allocs, limit)
		}
	}
}

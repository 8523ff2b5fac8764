package receiver

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
)

// Slow endpoints are late only when they are told to be.
func TestSlowEndpoints(t *testing.T) {
	r, control := listen(t)
	call := func(path string, in any) error { return control.Call(t.Context(), "POST", path, in, nil) }
	for n := range int64(3) {
		if err := call(SlowPath+"0", nil); err != nil {
			t.Fatal(err)
		}
		c, err := control.SlowCounts(t.Context())
		if err != nil || c != (SlowCounts{Started: n + 1}) || r.slow.late.Load() {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	for _, late := range []bool{true, false} {
		if _, err := control.SetLate(t.Context(), late); err != nil || r.slow.late.Load() != late {
			t.Fatalf("told to be late: %v, is: %v, %v", late, r.slow.late.Load(), err)
		}
	}
	if call(latePath, "maybe") == nil {
		t.Error("told nonsense, and does not mind")
	}
}

// Slow endpoints answer after 8 to 9 s, and thousands of requests not all at once. Virtual
// time makes the wait free.
func TestSlowEndpointsAreLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s slowEndpoints
		if _, err := s.control([]byte("true")); err != nil {
			t.Fatal(err)
		}
		const requests = 1000
		begin := time.Now()
		var group sync.WaitGroup
		var mu sync.Mutex
		each := map[time.Duration]int{}
		for range requests {
			group.Go(func() {
				var ctx fasthttp.RequestCtx
				s.answer(&ctx)
				mu.Lock()
				defer mu.Unlock()
				each[time.Since(begin)]++
			})
		}
		time.Sleep(SoonestAnswer - time.Millisecond)
		if c, err := s.control(nil); err != nil || c != (SlowCounts{Started: requests, Open: requests}) {
			t.Errorf("before the first answer: %+v, %v", c, err)
		}
		group.Wait()
		for after, n := range each {
			if after < SoonestAnswer || after >= latestAnswer || n > requests/100 {
				t.Errorf("%d answers after %s", n, after)
			}
		}
		if c, err := s.control(nil); err != nil || c != (SlowCounts{Started: requests}) {
			t.Errorf("after the last answer: %+v, %v", c, err)
		}
	})
}

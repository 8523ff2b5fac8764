package app

import "testing"

// TestShareDescriptors: what is shared out leaves storage a quarter at least.
func TestShareDescriptors(t *testing.T) {
	for limit, want := range map[uint64]descriptors{
		256:     {64, 64, 64},
		1024:    {256, 256, 256},
		20_000:  {5904, 4096, 5000},
		1 << 20: {16384, 4096, 16384},
	} {
		got := share(limit)
		if got != want {
			t.Errorf("%d descriptors: %+v, want %+v", limit, got, want)
		}
		if sum := uint64(got.requests + got.attempts + got.idle); sum > limit*3/4 {
			t.Errorf("%d descriptors: %d are shared out", limit, sum)
		}
	}
}

package app

import "testing"

// TestShareDescriptors: what is shared out leaves storage a quarter, or what it can need.
func TestShareDescriptors(t *testing.T) {
	for limit, want := range map[uint64]descriptors{
		256:     {64, 128, 64},
		1024:    {256, 512, 256},
		20_000:  {5904, 10000, 4096},
		1 << 20: {16384, 32768, 4096},
	} {
		got := share(limit)
		if got != want {
			t.Errorf("%d descriptors: %+v, want %+v", limit, got, want)
		}
		if sum := uint64(got.requests + got.outgoing); sum > limit-min(limit/4, maxRest) {
			t.Errorf("%d descriptors: %d are shared out", limit, sum)
		}
	}
}

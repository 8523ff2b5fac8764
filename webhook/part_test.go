package webhook_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

func TestParts(t *testing.T) {
	var s webhook.Parts
	want := []webhook.Part{0, 63, 64, 200, 255}
	for _, p := range want {
		s.Add(p)
		s.Add(p) // once more changes nothing
	}
	if got := slices.Collect(s.All); !slices.Equal(got, want) || s.Len() != len(want) {
		t.Errorf("the set is %v, of %d", got, s.Len())
	}
	s.Remove(64)
	s.Remove(65)
	if s.Has(64) || !s.Has(63) || s.Len() != len(want)-1 {
		t.Errorf("after Remove: %v", slices.Collect(s.All))
	}
	if all := webhook.AllParts(); all.Len() != webhook.PartCount {
		t.Errorf("AllParts has %d", all.Len())
	}
	for p := range s.All { // a loop may end early
		if p != 0 {
			t.Errorf("the first part is %d", p)
		}
		break
	}
}

// Consecutive endpoints are in consecutive parts, so that parts are of equal size.
func ExampleEndpointNumber_Part() {
	for _, n := range []webhook.EndpointNumber{1, 255, 256, 257} {
		fmt.Println(n.Part())
	}
	// Output:
	// 1
	// 255
	// 0
	// 1
}

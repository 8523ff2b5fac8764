package process

import (
	"runtime"
	"testing"
)

// TestAddProcessor: there is one more, and what the operator set stays.
func TestAddProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "")
	AddProcessor()
	if got := runtime.GOMAXPROCS(0); got != before+1 {
		t.Errorf("%d processors, want %d", got, before+1)
	}
	runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "2")
	AddProcessor()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("with GOMAXPROCS set: %d processors, want %d", got, before)
	}
}

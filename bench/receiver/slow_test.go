package receiver

import (
	"testing"
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

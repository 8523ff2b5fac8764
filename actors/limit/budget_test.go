package limit

import "testing"

// TestClosedReservationHoldsNothing: a read that ends after its actor gives back at once what it takes.
func TestClosedReservationHoldsNothing(t *testing.T) {
	b := NewBudget(1000)
	r := b.Reserve(new(Client))
	r.Take(100)
	r.Close()
	if r.Take(200); b.InUse() != 0 || r.Held() != 0 {
		t.Error(b.InUse(), "bytes are held by nobody")
	}
	if !r.TryTake(300) || b.InUse() != 0 {
		t.Error(b.InUse(), "bytes are held by nobody")
	}
}

package webhook

import (
	"errors"
	"fmt"
	"testing"
)

// TestSharesLeaveRoom: whatever some callers hold, the next one gets something.
func TestSharesLeaveRoom(t *testing.T) {
	s := NewShares(1000)
	for i := range 9 {
		who, got := fmt.Sprint("caller ", i), 0
		for s.Take(who, 1) == nil {
			got++
		}
		if got < 1 {
			t.Errorf("%s got nothing", who)
		}
		if i == 0 && got != 500 {
			t.Errorf("one alone got %d", got)
		}
		if err := s.Take(who, 1); !errors.Is(err, ErrShareUsed) {
			t.Errorf("%s beyond its share: %v", who, err)
		}
	}
	if err := s.Take("large", 1000); !errors.Is(err, ErrAllUsed) {
		t.Errorf("more than there is: %v", err)
	}
}

// TestSharesComeBack: what was returned can be lent again, the first amount up to the whole.
func TestSharesComeBack(t *testing.T) {
	s := NewShares(100)
	for range 3 {
		if err := s.Take("a", 100); err != nil {
			t.Fatal(err)
		}
		if err := s.Take("b", 1); !errors.Is(err, ErrAllUsed) {
			t.Fatal(err)
		}
		s.Give("a", 100)
	}
	if s.Used() != 0 || len(s.held) != 0 {
		t.Error(s.used, s.held)
	}
}

package webhook

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
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

// TestSharesNeverExceed lets holders take and give at random and compares with a count of its
// own. What is lent stays within the whole, and a holder beyond its first amount leaves as
// much free as it holds.
func TestSharesNeverExceed(t *testing.T) {
	const whole = 1000
	r := rand.New(rand.NewPCG(7, 8))
	s, held := NewShares(whole), map[string]int64{}
	sum := func() (total int64) {
		for _, amount := range held {
			total += amount
		}
		return total
	}
	refused := map[error]int{}
	for range 20_000 {
		who, amount := fmt.Sprint(r.IntN(6)), 1+r.Int64N(120)<<r.IntN(3)
		if r.IntN(3) == 0 && held[who] > 0 {
			amount = 1 + r.Int64N(held[who])
			s.Give(who, amount)
			held[who] -= amount
			continue
		}
		free := whole - sum() - amount
		err := s.Take(who, amount)
		switch first := held[who] == 0; {
		case err == nil && free < 0:
			t.Fatalf("%s got %d of %d that were free", who, amount, free+amount)
		case err == nil && !first && held[who]+amount > free:
			t.Fatalf("%s holds %d and leaves %d", who, held[who]+amount, free)
		case err != nil && first && free >= 0:
			t.Fatalf("a newcomer got nothing of %d: %v", free+amount, err)
		}
		if err != nil {
			refused[err]++
			continue
		}
		held[who] += amount
		if s.Used() != sum() {
			t.Fatalf("%d are lent, not %d", s.Used(), sum())
		}
	}
	if refused[ErrShareUsed] == 0 || refused[ErrAllUsed] == 0 {
		t.Errorf("refusals: %v", refused)
	}
}

func TestSharesAreSafeForConcurrentUse(t *testing.T) {
	s := NewShares(50)
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			who := fmt.Sprint(i % 3)
			for range 500 {
				if s.Take(who, 2) == nil {
					if used := s.Used(); used < 2 || used > 50 {
						t.Errorf("%d are lent", used)
					}
					s.Give(who, 2)
				}
			}
		})
	}
	done.Wait()
	if s.Used() != 0 || len(s.held) > 0 {
		t.Errorf("%d are lent at the end, to %v", s.Used(), s.held)
	}
}

// TestLimitError: the operator reads the setting, the code that maps errors finds the sentinel.
func TestLimitError(t *testing.T) {
	err := fmt.Errorf("register: %w", &LimitError{Client: "acme", Setting: LimitWebhooks, Max: 10, Has: 11, Cause: ErrClientLimit})
	if want := "register: client acme has 11 of at most 10 (client-max-webhooks)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	var limit *LimitError
	if !errors.Is(err, ErrClientLimit) || !errors.As(err, &limit) || limit.Max != 10 {
		t.Errorf("%#v", err)
	}
}

func TestOrNone(t *testing.T) {
	none := ClientLimits{}.OrNone()
	if none != (ClientLimits{Webhooks: math.MaxInt, Patterns: math.MaxInt, Pending: math.MaxInt64}) {
		t.Errorf("no limits: %+v", none)
	}
	set := ClientLimits{Webhooks: 1, Patterns: 2, Pending: 3, Bytes: 4}
	if got := set.OrNone(); got != set {
		t.Errorf("limits that are set became %+v", got)
	}
}

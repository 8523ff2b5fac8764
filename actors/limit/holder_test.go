package limit

import (
	"testing"
	"time"
)

// attempt is one that begins and ends at a time; ends is zero for one that does not end.
type attempt struct{ begins, ends time.Duration }

// TestDurations: the estimate follows the attempts that ended, the last ones most, and
// shows at once that attempts in flight last longer.
func TestDurations(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		reason   string
		attempts []attempt
		at       time.Duration
		want     time.Duration
	}{
		{"nothing is known", nil, 9 * s, 0},
		{"the first one counts whole", []attempt{{0, 4 * s}}, 9 * s, 4 * s},
		{"the next one an eighth", []attempt{{0, 8 * s}, {0, 16 * s}}, 20 * s, 9 * s},
		{"one in flight that is younger than that changes nothing", []attempt{{0, 4 * s}, {8 * s, 0}}, 9 * s, 4 * s},
		{"one that is older does", []attempt{{0, s}, {2 * s, 0}}, 9 * s, 7 * s},
		{"of several in flight the mean counts", []attempt{{0, 0}, {4 * s, 0}, {8 * s, 0}}, 10 * s, 6 * s},
		{"when they end they are history", []attempt{{0, 8 * s}, {0, 0}}, 4 * s, 8 * s},
	} {
		var d durations
		for _, a := range c.attempts {
			if d.begin(a.begins); a.ends > 0 {
				d.end(a.begins, a.ends)
			}
		}
		if got := d.estimate(c.at); got != c.want {
			t.Errorf("%s: %v, want %v", c.reason, got, c.want)
		}
	}
}

// TestDurationsDoNotOverflow: with thousands of attempts in flight, years after the start,
// the sum of their times overflows, and the estimate does not.
func TestDurationsDoNotOverflow(t *testing.T) {
	const year = 365 * 24 * time.Hour
	var d durations
	for range 4096 {
		d.begin(10 * year)
	}
	for range 4095 {
		d.end(10*year, 10*year+time.Second)
	}
	if got := d.estimate(10*year + 5*time.Second); got != 5*time.Second {
		t.Error("the estimate is", got)
	}
}

// TestClassAt: an endpoint's class follows from its tier and from how long its attempts
// last, also while they are in flight.
func TestClassAt(t *testing.T) {
	for _, c := range []struct {
		reason string
		tier   Tier
		mean   time.Duration
		open   bool // since 0, asked at 2 s
		want   class
	}{
		{"a healthy one", TierProven, 10 * time.Millisecond, false, classQuick},
		{"a proven one without a past", TierProven, 0, false, classQuick},
		{"just quick", TierProven, slowHold - 1, false, classQuick},
		{"just slow", TierProven, slowHold, false, classSlow},
		{"a quick one that falls silent", TierProven, time.Millisecond, true, classSlow},
		{"a new one", TierFirst, 0, false, classFirst},
		{"one that is known to time out has no first attempt", TierFirst, 10 * time.Second, false, classMore},
		{"more of an unproven one", TierMore, 0, false, classMore},
		{"more of an unproven slow one", TierMore, time.Minute, true, classMore},
	} {
		h := &Holder{asked: c.tier, durations: durations{mean: c.mean}}
		if c.open {
			h.durations.begin(0)
		}
		if got := h.classAt(2 * time.Second); got != c.want {
			t.Errorf("%s: class %d, want %d", c.reason, got, c.want)
		}
	}
}

// TestCounts: what a permit of each class counts for, and that it counts for nothing when it
// is given back.
func TestCounts(t *testing.T) {
	for of, want := range map[class]counts{
		classQuick: {1, 0, 0}, classSlow: {1, 0, 0}, classFirst: {1, 1, 0}, classMore: {1, 1, 1},
	} {
		var c counts
		if c.add(of, 1); c != want {
			t.Errorf("class %d counts as %+v, want %+v", of, c, want)
		}
		if c.add(of, -1); c != (counts{}) {
			t.Errorf("class %d leaves %+v behind", of, c)
		}
	}
	used := counts{all: 10, unproven: 4, more: 1}
	for of, want := range map[class]int{classQuick: 10, classSlow: 10, classFirst: 14, classMore: 16} {
		if got := used.load(of); got != want {
			t.Errorf("%+v weigh %d in class %d, want %d", used, got, of, want)
		}
	}
}

// TestWorseClassesSeeLess: each class leaves at least as much to others as the one before.
func TestWorseClassesSeeLess(t *testing.T) {
	for _, size := range []int{1, 64, 4096} {
		p := permitsOf(size)
		for of := classQuick + 1; of < classes; of++ {
			if p.visible(of) > p.visible(of-1) {
				t.Errorf("of %d permits class %d sees %d, class %d %d", size, of, p.visible(of), of-1, p.visible(of-1))
			}
		}
		if p.visible(classQuick) != size {
			t.Errorf("the best class sees %d of %d permits", p.visible(classQuick), size)
		}
	}
}

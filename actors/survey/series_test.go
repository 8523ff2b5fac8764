package survey

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// counted is a minute of a series.
func counted(accepted, delivered, failed, pending int64) webhook.Minute {
	return webhook.Minute{Known: true, Accepted: accepted, Delivered: delivered, Failed: failed, Pending: pending}
}

// sameMinutes fails unless a series has these minutes.
func sameMinutes(t *testing.T, when string, got webhook.Series, from time.Time, want ...webhook.Minute) {
	t.Helper()
	if !got.From.Equal(from) || len(got.Minutes) != len(want) {
		t.Fatalf("%s: %d minutes from %s, want %d from %s", when, len(got.Minutes), got.From, len(want), from)
	}
	for i, m := range got.Minutes {
		if m != want[i] {
			t.Errorf("%s: minute %d is %+v, want %+v", when, i, m, want[i])
		}
	}
}

// TestMinutes: each minute has what was counted in it, one without a server has nothing, and
// the next process continues where this one ended.
func TestMinutes(t *testing.T) {
	start := noon.Truncate(time.Minute)
	s := New(0, start)
	sameMinutes(t, "before the first count", s.Series(start), time.Time{})
	count := func(s *Survey, after time.Duration, accepted, delivered, failed, pending int64) {
		s.Sample(start.Add(after), func() Counts { return Counts{accepted, delivered, failed} }, pending)
	}
	count(s, 10*time.Second, 5, 1, 0, 4)
	count(s, 50*time.Second, 9, 2, 1, 6)
	s.Note(start.Add(70*time.Second), Counts{10, 2, 4}, 3)
	first, second := counted(9, 2, 1, 6), counted(1, 0, 3, 3)
	sameMinutes(t, "after two minutes", s.Series(start.Add(80*time.Second)), start, first, second)

	kept, next := s.EncodeSeries(start.Add(80*time.Second)), New(0, start.Add(100*time.Second))
	count(next, 110*time.Second, 7, 0, 0, 8) // before it was restored
	if err := next.RestoreSeries(kept); err != nil {
		t.Fatal(err)
	}
	second = counted(8, 0, 3, 8)
	sameMinutes(t, "restored", next.Series(start.Add(115*time.Second)), start, first, second)
	count(next, 4*time.Minute, 8, 1, 0, 0)
	sameMinutes(t, "after a gap", next.Series(start.Add(4*time.Minute)), start, first, second, webhook.Minute{}, webhook.Minute{}, counted(1, 1, 0, 0))
	day := start.Add(24 * time.Hour)
	rest := next.Series(day)
	if rest.Minutes[0] != second || len(rest.Minutes) != minutesKept || rest.Minutes[minutesKept-1].Known {
		t.Errorf("a day later: %d minutes, the first %+v", len(rest.Minutes), rest.Minutes[0])
	}
	sameMinutes(t, "two days later", next.Series(day.Add(24*time.Hour)), time.Time{})
}

// TestMinutesOfOthers: bytes that no server wrote, or only a part of them, are an error.
func TestMinutesOfOthers(t *testing.T) {
	s := New(0, noon)
	s.Sample(noon.Add(time.Minute), func() Counts { return Counts{300, 300, 300} }, 300)
	kept := s.EncodeSeries(noon.Add(time.Minute))
	for end := range kept {
		if err := New(0, noon).RestoreSeries(kept[:end]); (err == nil) != (end == 1) {
			t.Errorf("%d bytes: %v", end, err)
		}
	}
	for _, bad := range [][]byte{nil, {2}, {1, 0, 0, 0, 0, 0}, {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0}} {
		if err := New(0, noon).RestoreSeries(bad); err == nil {
			t.Errorf("%x was read", bad)
		}
	}
	full := New(0, noon)
	for i := range int64(minutesKept) {
		full.Sample(noon.Add(time.Duration(i+1)*time.Minute), func() Counts { return Counts{i * 1e6, i * 1e7, i * 1e3} }, 1e6)
	}
	if size := len(full.EncodeSeries(noon.Add(24 * time.Hour))); size > 24<<10 {
		t.Errorf("a day takes %d bytes", size)
	}
}

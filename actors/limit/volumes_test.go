package limit

import (
	"fmt"
	"testing"
	"time"
)

const (
	day     = 24 * time.Hour
	largest = 1000
)

// TestVolumeOfADay: a client that publishes as fast as it may has its bytes of a day, and
// those of one hour more at the beginning, that had gathered.
func TestVolumeOfADay(t *testing.T) {
	const perDay = 24 * 36_000 // 10 bytes a second
	v, start := NewVolumes(largest), time.Now()
	taken, now := 0, start
	for now.Before(start.Add(day)) {
		if wait := v.Take("acme", 100, perDay, now); wait > 0 {
			now = now.Add(wait)
			continue
		}
		taken += 100
	}
	if low, high := perDay, perDay+36_000+100; taken < low || taken > high {
		t.Errorf("%d bytes in a day, want %d to %d", taken, low, high)
	}
}

// TestVolumeWaits: a refusal takes nothing, and the same event is accepted after the wait
// that it returned, and not before.
func TestVolumeWaits(t *testing.T) {
	for _, c := range []struct {
		reason        string
		perDay, bytes int64
		used          int64
		wait          time.Duration
	}{
		{"nothing was used", 86_400, 1000, 0, 0},
		{"an hour's bytes at once", 86_400, 3600, 0, 0},
		{"as many again have to gather", 86_400, 3600, 3600, time.Hour},
		{"one byte is missing", 86_400, 601, 3000, time.Second},
		{"the largest event, for a client with less than that an hour", 2400, 1000, 0, 0},
		{"and some bytes more", 2400, 50, 1000, 30 * time.Minute},
	} {
		v, now := NewVolumes(largest), time.Now()
		if wait := v.Take("acme", c.used, c.perDay, now); wait != 0 {
			t.Fatal(c.reason, "waits", wait, "for what is to be used first")
		}
		wait := v.Take("acme", c.bytes, c.perDay, now)
		if off := wait - c.wait; off < 0 || off > 2*time.Millisecond {
			t.Errorf("%s: waits %v, want %v", c.reason, wait, c.wait)
		}
		if wait == 0 {
			continue
		}
		if again := v.Take("acme", c.bytes, c.perDay, now); again != wait {
			t.Errorf("%s: a refusal took something: the wait was %v and is %v", c.reason, wait, again)
		}
		if early := v.Take("acme", c.bytes, c.perDay, now.Add(wait-10*time.Millisecond)); early == 0 {
			t.Errorf("%s: accepted before the wait is over", c.reason)
		}
		if late := v.Take("acme", c.bytes, c.perDay, now.Add(wait)); late != 0 {
			t.Errorf("%s: refused after the wait, for %v more", c.reason, late)
		}
	}
}

// TestVolumesAreEachClientsOwn: what one client uses, and what it may use, is nobody else's.
func TestVolumesAreEachClientsOwn(t *testing.T) {
	v, now := NewVolumes(largest), time.Now()
	for range 100 {
		v.Take("hog", 1000, 86_400, now)
	}
	if wait := v.Take("hog", 1000, 86_400, now); wait == 0 {
		t.Fatal("the hog is not refused: the test shows nothing")
	}
	if wait := v.Take("modest", 1000, 86_400, now); wait != 0 {
		t.Error("another client waits", wait)
	}
}

// TestVolumesForgetIdleClients: clients that ever published do not fill the memory.
func TestVolumesForgetIdleClients(t *testing.T) {
	v, now := NewVolumes(largest), time.Now()
	for i := range 1000 {
		v.Take(fmt.Sprint(i), 100, 86_400, now) // full again after 100 s
	}
	v.Take("late", 100, 86_400, now.Add(2*time.Minute))
	if len(v.of) != 1 {
		t.Errorf("%d clients are remembered, want the one whose volume is not full", len(v.of))
	}
}

// TestVolumesRememberWhatIsUsed: a client whose volume takes days to fill again gets
// nothing back by waiting an hour, whoever publishes meanwhile.
func TestVolumesRememberWhatIsUsed(t *testing.T) {
	const perDay = 10
	v, now := NewVolumes(largest), time.Now()
	taken := 0
	for hour := range 48 {
		if v.Take("modest", largest, perDay, now.Add(time.Duration(hour)*61*time.Minute)) == 0 {
			taken++
		}
		v.Take("other", 1, 86_400, now.Add(time.Duration(hour)*61*time.Minute+2*time.Minute))
	}
	if taken != 1 {
		t.Errorf("%d events of the largest size in two days, want 1", taken)
	}
}

package lane

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
)

// TestDealt remembers IDs in random order, in bursts and with pauses between, and asks
// about all. Of those that were added, dealt says so, or that it does not know; of all
// others, that they were not, or that it does not know.
func TestDealt(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		start := webhook.ID{Seq: webhook.SeqAt(time.Now())}
		d, added := newDealt(start), make(map[webhook.ID]bool)
		var all []webhook.ID
		span := 1 + random.Int64N(int64(time.Minute))
		for i := range 100 + random.IntN(600) {
			at := time.Now().Add(time.Duration(random.Int64N(span)) + time.Duration(i)*time.Duration(random.Int64N(span/100+1)))
			id := webhook.ID{Seq: webhook.SeqAt(at) + uint64(i), Endpoint: 1, Nonce: random.Uint32()}
			all = append(all, id)
			switch random.IntN(20) {
			case 0:
				d.doubt(id)
			case 1, 2, 3: // it stays new
			default:
				d.add(id)
				added[id] = true
			}
		}
		known := 0
		for _, id := range all {
			switch has := d.has(id); {
			case has && !added[id]:
				t.Fatalf("seed %d: an ID that was never added is known", seed)
			case !has && added[id] && !d.mayHave(id):
				t.Fatalf("seed %d: an ID that was added counts as new", seed)
			case has:
				known++
			}
		}
		if known == 0 {
			t.Errorf("seed %d: nothing is remembered of %d", seed, len(added))
		}
		if n := len(d.latest) + len(d.before); n > 2*dealtMax {
			t.Errorf("seed %d: %d IDs are kept", seed, n)
		}
	}
}

// TestDealtFollowsThePace: an endpoint at full speed is known about its last hundred
// deliveries; one that gets an event a minute keeps two IDs, also after it was fast.
func TestDealtFollowsThePace(t *testing.T) {
	now, seq := time.Now(), uint64(0)
	next := func(after time.Duration) webhook.ID {
		seq++
		now = now.Add(after)
		return webhook.ID{Seq: webhook.SeqAt(now) + seq, Endpoint: 1}
	}
	var d dealt
	var fast []webhook.ID
	for range 10_000 {
		id := next(time.Millisecond)
		d.add(id)
		fast = append(fast, id)
	}
	for _, id := range fast[len(fast)-dealtMax:] {
		if !d.has(id) {
			t.Fatal("one of the last deliveries is forgotten")
		}
	}
	if first := fast[0]; d.has(first) || !d.mayHave(first) {
		t.Error("it claims to know about a delivery that it has forgotten")
	}
	for range 100 {
		d.add(next(time.Minute))
	}
	if n := cap(d.latest) + cap(d.before); n > 4 {
		t.Error(n, "IDs are kept of a quiet endpoint")
	}
}

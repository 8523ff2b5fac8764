package limit

import "testing"

// most returns how many units one client takes alone, of a pool of which others hold some.
func most(size, others int) (held int) {
	for mayHold(held, size-others-held, size) {
		held++
	}
	return held
}

// TestMayHold: the figures that docs/design.md promises, and what happens at the edges.
func TestMayHold(t *testing.T) {
	for _, c := range []struct {
		reason       string
		size, others int
		least, most  int
	}{
		{"a client alone has seven eighths of a pool", 4096, 0, 3600, 3620},
		{"and so of a small one", 256, 0, 225, 226},
		{"a pool of one unit is for whoever comes first", 1, 0, 1, 1},
		{"a pool smaller than the reserve's part is used up", 4, 0, 4, 4},
		{"beside one that took all it could, a newcomer finds some", 4096, 3616, 200, 300},
		{"when only the reserve is left a client gets little", 4096, 4096 - 256, 10, 16},
		{"the last unit is for one that holds nothing", 4096, 4095, 1, 1},
		{"of nothing nobody gets anything", 4096, 4096, 0, 0},
	} {
		if got := most(c.size, c.others); got < c.least || got > c.most {
			t.Errorf("%s: %d of %d beside %d, want %d to %d", c.reason, got, c.size, c.others, c.least, c.most)
		}
	}
}

// TestMayHoldIsMonotonic: whoever may take a unit may take it with a smaller load, too, and
// with more units free. Otherwise the first one of a queue would not stand for the others.
func TestMayHoldIsMonotonic(t *testing.T) {
	for _, size := range []int{1, 7, 64, 500} {
		for free := range size + 1 {
			for load := 1; load <= size; load++ {
				if !mayHold(load, free, size) {
					continue
				}
				if !mayHold(load-1, free, size) || free < size && !mayHold(load, free+1, size) {
					t.Fatalf("of %d units with %d free: load %d may hold one more, a smaller one or one with more free may not", size, free, load)
				}
			}
		}
	}
}

// TestLoadWith: what an endpoint weighs is its client's load at least, grows with what it
// holds, and is the same for an endpoint without anything as for its client.
func TestLoadWith(t *testing.T) {
	for client := range 400 {
		if got := loadWith(client, 0); got != client {
			t.Fatalf("an endpoint that holds nothing weighs %d, its client %d", got, client)
		}
		last := client
		for held := 1; held <= client; held++ {
			load := loadWith(client, held)
			if load < last {
				t.Fatalf("of a client with %d: %d units weigh %d, one less %d", client, held, load, last)
			}
			last = load
		}
	}
}

// TestEndpointsWithinAClient: by the same rule a client's endpoints leave room for one
// another, and its only one can use nearly all that it may have.
func TestEndpointsWithinAClient(t *testing.T) {
	const size = 4096
	fill := func(client, endpoint int) (held int) {
		for mayHold(loadWith(client+held, endpoint+held), size-client-held, size) {
			held++
		}
		return held
	}
	first := fill(0, 0)
	second := fill(first, 0)
	third := fill(first+second, 0)
	if alone := most(size, 0); first < alone*8/10 || first >= alone {
		t.Errorf("the only endpoint of a client has %d of the %d that the client may have", first, alone)
	}
	if second < 50 || third < 5 || third >= second || second >= first {
		t.Errorf("endpoints that come one after the other have %d, %d and %d", first, second, third)
	}
}

// TestBytesByTheSameRule: memory is shared in bytes, far beyond 32 bits, without overflow.
func TestBytesByTheSameRule(t *testing.T) {
	const size = int64(1) << 40
	if !mayHold(0, size, size) || mayHold(size/2, size/16, size) {
		t.Error("the rule does not hold for large pools")
	}
	if load := loadWith(size, size); load < size {
		t.Error("a large load overflows:", load)
	}
}

package actors

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestPublicationHasOneOwner: the router begins a publication or its publisher withdraws
// it, never both.
func TestPublicationHasOneOwner(t *testing.T) {
	for range 1000 {
		var p publication
		var begun, withdrawn bool
		var wait sync.WaitGroup
		wait.Go(func() { begun = p.begin() })
		wait.Go(func() { withdrawn = p.withdraw() })
		if wait.Wait(); begun == withdrawn {
			t.Fatal("begun:", begun, "withdrawn:", withdrawn)
		}
	}
}

// TestChunk: a chunk holds events that follow one another, up to the keys of one
// transaction; one event may have more, alone.
func TestChunk(t *testing.T) {
	for _, c := range []struct {
		name        string
		adds        [][2]int // event, keys
		event, keys int
		full        bool
	}{
		{"the first event", nil, 0, 2, false},
		{"the first event, too wide for others", nil, 0, 2 * maxAcceptKeys, false},
		{"the next event", [][2]int{{0, 2}, {1, 2}}, 2, 2, false},
		{"one was refused in between", [][2]int{{0, 2}}, 2, 2, true},
		{"the last key", [][2]int{{5, 2}}, 6, maxAcceptKeys - 2, false},
		{"a key too many", [][2]int{{5, 2}}, 6, maxAcceptKeys - 1, true},
		{"after a wide one", [][2]int{{5, 2 * maxAcceptKeys}}, 6, 2, true},
	} {
		var chunk chunk
		for i, add := range c.adds {
			chunk.add(add[0], add[1], i)
		}
		if got := chunk.full(c.event, c.keys); got != c.full {
			t.Errorf("%s: full %v, want %v", c.name, got, c.full)
		}
		if chunk.empty() != (len(c.adds) == 0) {
			t.Errorf("%s: empty %v", c.name, chunk.empty())
		}
		if len(c.adds) > 1 && !slices.Equal(chunk.paused, []pausedAt{{1, 1}}) {
			t.Errorf("%s: paused deliveries are counted as %v", c.name, chunk.paused)
		}
	}
}

// TestReceiptsOfChunks: receipts stand in the order of the events, whether they come in
// one piece or in several, and refused events keep theirs.
func TestReceiptsOfChunks(t *testing.T) {
	receipt := func(n int) webhook.Receipt { return webhook.Receipt{Deliveries: n} }
	whole := publication{events: make([]webhook.Event, 2)}
	one := []webhook.Receipt{receipt(1), receipt(2)}
	whole.keep(chunk{from: 0, to: 2}, one)
	if &whole.receipts[0] != &one[0] {
		t.Error("storage's receipts were copied, though they are complete")
	}
	refusal := errors.New("refused")
	parts := publication{events: make([]webhook.Event, 4), next: 1}
	parts.refuse(refusal)
	parts.keep(chunk{from: 2, to: 4}, []webhook.Receipt{receipt(3), receipt(4)})
	parts.keep(chunk{from: 0, to: 1}, []webhook.Receipt{receipt(1)})
	want := []webhook.Receipt{receipt(1), {Err: refusal}, receipt(3), receipt(4)}
	if !slices.Equal(parts.receipts, want) {
		t.Errorf("%+v, want %+v", parts.receipts, want)
	}
}

// TestPublishNothing: a publication without events is answered, and holds no memory.
func TestPublishNothing(t *testing.T) {
	inRig(t, nil, func(r *rig) {
		receipts, err := r.d.Publish(context.Background(), nil)
		if err != nil || len(receipts) != 0 {
			t.Error(receipts, err)
		}
		r.wantPublished()
	})
}

// TestFailedChunk: storage fails on one chunk of several. The publisher gets the error,
// the chunks that were stored are delivered, and all memory is free.
func TestFailedChunk(t *testing.T) {
	const wide = webhook.MaxFanOut
	inRig(t, nil, func(r *rig) {
		n := r.registerFor("acme", webhook.EndpointActive, "report.*")
		for range wide {
			r.registerFor("crowd", webhook.EndpointDisabled, "user.*")
		}
		r.store.FailNext(1, errUnready)
		events := []webhook.Event{{Type: "user.created"}, {Type: "report.generated"}}
		for i := range events {
			events[i].Data = []byte("1")
		}
		_, err := r.d.Publish(context.Background(), events)
		wantError(t, err, errUnready)
		r.wantOnce(n, []webhook.ID{events[1].ID})
		r.wantPublished()
	})
}

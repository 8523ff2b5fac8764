package member

import (
	"context"
	"sync"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/cluster/peer"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook/live"
)

// While somebody watches what happens on this node, it asks all others what happens there.
// Each question waits at the other node until there is something, so that items come soon;
// nobody asks, and nobody is asked, while nobody watches.

const (
	pathFeed = "/v1/feed"
	// feedWait is how long a question waits for an item: less than a call may take.
	feedWait = time.Second
	// feedPause is the time between an answer with items and the next question, in which
	// further items gather.
	feedPause = 100 * time.Millisecond
	// feedRetry is the wait after a question that was not answered, and the time between two
	// looks for nodes that have come.
	feedRetry = time.Second
)

// feedQuestion asks for what happened after a place; zero for what happens from now on.
type feedQuestion struct{ After live.Place }

// feedAnswer is what happened there.
type feedAnswer struct {
	Items []live.Item
	At    live.Place
	Lost  int
}

// tell answers another node.
func (m *Member) tell(ctx context.Context, q feedQuestion) (feedAnswer, error) {
	reader := m.options.Feed.Subscribe(live.Query{Local: true, After: q.After})
	defer reader.Close()
	batch := reader.Next(ctx, feedWait)
	answer := feedAnswer{At: batch.At, Lost: batch.Lost, Items: make([]live.Item, len(batch.Items))}
	for i, item := range batch.Items {
		answer.Items[i] = *item
	}
	return answer, nil
}

// watchOthers asks all other nodes, each in a goroutine of its own, as long as somebody
// watches here. It ends with ctx.
func (m *Member) watchOthers(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	var asked sync.Map // by incarnation: nodes that are being asked
	for m.options.Feed.Await(ctx) == nil {
		for _, n := range m.node.Others() {
			if _, already := asked.LoadOrStore(n.Incarnation, true); n.Address == "" || already {
				continue
			}
			asking.Go(func() {
				defer asked.Delete(n.Incarnation)
				m.askFeed(ctx, n)
			})
		}
		pause(ctx, feedRetry)
	}
}

// askFeed asks one node until nobody watches here, the node is gone, or ctx ends.
func (m *Member) askFeed(ctx context.Context, to storage.Node) {
	var at live.Place
	for ctx.Err() == nil && m.options.Feed.Listening() && m.node.Knows(to.Incarnation) {
		answer, err := peer.Ask[feedQuestion, feedAnswer](ctx, m.client, to, pathFeed, feedQuestion{at})
		if err != nil {
			pause(ctx, feedRetry)
			continue
		}
		at = answer.At
		if len(answer.Items) > 0 || answer.Lost > 0 {
			m.options.Feed.Import(answer.Items, answer.Lost)
			pause(ctx, feedPause)
		}
	}
}

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

package sender

import (
	"context"
	"time"
)

// startJanitor starts the goroutine that closes the connections that were idle
// for too long, of all endpoints.
func (c *Client) startJanitor() {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	go c.sweepUntil(ctx)
}

func (c *Client) sweepUntil(ctx context.Context) {
	defer close(c.swept)
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.sweep()
		}
	}
}

// sweep closes what has expired by now.
func (c *Client) sweep() {
	for t := range c.targets() {
		t.closeExpired()
	}
}

// targets gives the endpoints that have a connection open.
func (c *Client) targets() map[*Target]struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	targets := make(map[*Target]struct{})
	for cn := range c.conns {
		if cn.target != nil {
			targets[cn.target] = struct{}{}
		}
	}
	return targets
}

package sender

import (
	"context"
	"time"
)

// startJanitor starts the goroutine that closes expired connections of all
// endpoints. Close stops it and waits for swept.
func (c *Client) startJanitor() {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	go c.sweepUntil(ctx)
}

// sweepUntil closes expired connections every sweepInterval until ctx ends.
func (c *Client) sweepUntil(ctx context.Context) {
	defer close(c.swept)
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.closeAllIdle(c.idle.expired(time.Now()))
		}
	}
}

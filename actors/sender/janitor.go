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
			c.closeAllIdle(c.idle.expired(time.Now()))
		}
	}
}

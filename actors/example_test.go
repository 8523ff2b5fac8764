package actors_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

// printer is a target whose receiver accepts everything. A real one makes HTTP requests.
type printer struct{ url string }

func (p printer) Send(due webhook.Due) webhook.Attempt {
	fmt.Printf("POST %s: %s %s\n", p.url, due.Delivery.EventType, due.Data)
	return webhook.Attempt{At: time.Now(), StatusCode: 200}
}

func (printer) Close() {}

// A Dispatcher needs a store, a way to open targets, and little else. What Publish
// returns for is durable; the delivery follows.
func Example() {
	ctx := context.Background()
	store := memstore.Open(memstore.Options{})
	endpoint, err := store.CreateEndpoint(ctx, webhook.Endpoint{
		ClientID: "acme", TargetURL: "https://hooks.example/astro", EventTypes: []string{"user.*"}, Status: webhook.EndpointActive,
	})
	if err != nil {
		fmt.Println(err)
	}
	d, err := actors.New(actors.Options{
		Store: store, Sequence: new(webhook.Sequence),
		Open: func(e webhook.Endpoint, _ webhook.Settings) (actors.Target, error) {
			return printer{e.TargetURL}, nil
		},
		Abort: func() {}, // a real one cuts off the requests under way
		Log:   slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		fmt.Println(err)
	}
	if err := d.Start(); err != nil {
		fmt.Println(err)
	}
	receipts, err := d.Publish(ctx, []webhook.Event{
		{Type: "user.created", Data: []byte(`{"id":1}`)}, {Type: "report.generated", Data: []byte(`{}`)},
	})
	for _, receipt := range receipts {
		fmt.Println(receipt.Deliveries, "deliveries", err)
	}
	// Stop waits for the attempts in flight. To wait for one delivery, send a test.
	test, err := d.Test(ctx, endpoint, webhook.Event{Type: "user.deleted", Data: []byte(`{"id":1}`)}, true)
	fmt.Println(test.Status, err)
	if err := d.Stop(ctx); err != nil {
		fmt.Println(err)
	}
	if err := store.Close(); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// 1 deliveries <nil>
	// 0 deliveries <nil>
	// POST https://hooks.example/astro: user.created {"id":1}
	// POST https://hooks.example/astro: user.deleted {"id":1}
	// delivered <nil>
}

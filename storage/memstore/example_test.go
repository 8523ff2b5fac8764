package memstore_test

import (
	"context"
	"fmt"

	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
)

// An event is stored with a delivery for each endpoint, which stays queued until its
// outcome is settled.
func Example() {
	store := memstore.Open(memstore.Options{})
	defer func() { _ = store.Close() }()
	e, err := store.CreateEndpoint(context.Background(), webhook.Endpoint{ClientID: "acme", TargetURL: "https://example.com"})
	if err != nil {
		panic(err)
	}
	stored := make(chan []webhook.Receipt)
	event := webhook.Event{ID: webhook.ID{Seq: 1}, Type: "user.created", Data: []byte("{}"), Endpoints: []webhook.EndpointNumber{e.Number()}}
	store.Accept([]webhook.Event{event}, 0, func(receipts []webhook.Receipt, _ error) { stored <- receipts })
	fmt.Println("deliveries:", (<-stored)[0].Deliveries, "pending:", store.Pending())

	due, err := store.Queued(context.Background(), e.Number(), webhook.ID{}, 10, 1<<20)
	if err != nil {
		panic(err)
	}
	fmt.Println(due[0].Delivery.Status, due[0].Delivery.EventType, string(due[0].Data))
	// Output:
	// deliveries: 1 pending: 1
	// queued user.created {}
}

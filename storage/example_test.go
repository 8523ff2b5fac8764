package storage_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/storage/storagetest"
	"github.com/corpastro/astrohook/webhook"
)

// deliver attempts what is queued for an endpoint: it needs its queue of the store, and
// nothing else.
func deliver(queues storage.Queues, n webhook.EndpointNumber, send func(data []byte) int) error {
	due, err := queues.Queued(context.Background(), n, webhook.ID{}, 100, 1<<20)
	if err != nil {
		return err
	}
	for _, d := range due {
		code := send(d.Data)
		now := d.Delivery.Attempted(webhook.Attempt{At: time.Now(), StatusCode: code}, webhook.DefaultSettings().Retry, 0)
		settled := make(chan error, 1)
		queues.Settle(webhook.Settlement{Was: d.Delivery.Place(), Now: now}, func(err error) { settled <- err })
		if err := <-settled; err != nil {
			return err
		}
	}
	return nil
}

// A consumer takes the interface that it needs. What it reads is a place in the queue,
// and what it settles says where the delivery was and where it is now.
func ExampleQueues() {
	store := memstore.Open(memstore.Options{})
	defer func() { _ = store.Close() }()
	stored := make(chan error, 1)
	event := webhook.Event{ID: webhook.ID{Seq: 1}, Type: "user.created", Data: []byte(`{"id":7}`), Endpoints: []webhook.EndpointNumber{1}}
	store.Accept([]webhook.Event{event}, 0, func(_ []webhook.Receipt, err error) { stored <- err })
	fmt.Println("stored:", <-stored)

	err := deliver(store, 1, func(data []byte) int {
		fmt.Println("sent:", string(data))
		return 204
	})
	d, _ := store.Delivery(context.Background(), event.ID.For(1))
	fmt.Println(d.Status, d.Attempts, store.Pending(), err)
	// Output:
	// stored: <nil>
	// sent: {"id":7}
	// delivered 1 0 <nil>
}

// A store that fails on command shows what a caller does about a disk that breaks.
func ExampleLifecycle() {
	store := storagetest.NewFaulty(memstore.Open(memstore.Options{}))
	defer func() { _ = store.Close() }()
	store.Break(errors.New("I/O error"))
	<-store.Broken() // closed: whoever waits for it ends the process
	err := store.CreateEventType(context.Background(), webhook.EventType{Name: "user.created"})
	fmt.Println(errors.Is(err, webhook.ErrBroken), errors.Is(store.Err(), webhook.ErrBroken))
	// Output: true true
}

// A receiver that answers with much may have so much of it stored at once, and then as
// much as a slow trickle brings.
func ExampleBodyBudget() {
	budget, now := storage.NewBodyBudget(), time.Unix(1_800_000_000, 0)
	kept := 0
	for range 100 {
		if budget.Take(1, 64<<10, now) {
			budget.Committed(64 << 10)
			kept++
		}
	}
	fmt.Println(kept == storage.EndpointBodyBurst/(64<<10))
	fmt.Println(budget.Take(1, 64<<10, now.Add(time.Second)), budget.Take(1, 64<<10, now.Add(time.Minute)))
	// Output:
	// true
	// false true
}

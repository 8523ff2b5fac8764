package actors

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/actors/feed"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/live"
)

// instant is a target that succeeds at once, and takes one token from underWay.
type instant struct{ underWay chan struct{} }

func (i instant) Send(webhook.Due) webhook.Attempt {
	<-i.underWay
	return webhook.Attempt{At: time.Now(), StatusCode: 200}
}
func (instant) Close() {}

// fast is a store that answers at once and keeps no delivery.
type fast struct {
	*memstore.Store
	pending atomic.Int64
}

func (f *fast) Pending() int64 { return f.pending.Load() }
func (f *fast) Accept(events []webhook.Event, _ uint64, done func([]webhook.Receipt, error)) {
	receipts := make([]webhook.Receipt, len(events))
	for i := range events {
		receipts[i] = webhook.Receipt{EventID: events[i].ID, Deliveries: len(events[i].Endpoints)}
	}
	done(receipts, nil)
}
func (f *fast) Settle(_ webhook.Settlement, done func(error)) { done(nil) }

// benchBatch is how many events BenchmarkDispatcher publishes at once.
const benchBatch = 16

// BenchmarkDispatcher measures a delivery without storage and network.
func BenchmarkDispatcher(b *testing.B) { benchDispatcher(b, 0) }

// BenchmarkWatchedDispatcher does the same with ten readers of the feed that have stopped
// reading.
func BenchmarkWatchedDispatcher(b *testing.B) { benchDispatcher(b, 10) }

func benchDispatcher(b *testing.B, readers int) {
	watched := feed.New()
	for range readers {
		defer watched.Subscribe(live.Query{}).Close()
	}
	underWay := make(chan struct{}, 512) // bounds the deliveries: this store could not return those that find no memory
	store := &fast{Store: memstore.Open(memstore.Options{})}
	e, err := store.CreateEndpoint(context.Background(), webhook.Endpoint{EventTypes: []string{"*"}, Status: webhook.EndpointActive})
	if err != nil {
		b.Fatal(err)
	}
	d, err := New(Options{
		Store: store, Sequence: new(webhook.Sequence), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Open:  func(webhook.Endpoint, webhook.Settings) (Target, error) { return instant{underWay}, nil },
		Abort: func() {},
		Feed:  watched,
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := d.Cancel(context.Background(), webhook.ID{Endpoint: e.Number()}); !errors.Is(err, webhook.ErrNotFound) { // starts the actor
		b.Fatal(err)
	}
	data := make([]byte, 512)
	b.ReportAllocs()
	published := int64(0)
	for b.Loop() {
		events := make([]webhook.Event, benchBatch)
		for i := range events {
			events[i] = webhook.Event{Type: "user.created", Data: data}
			underWay <- struct{}{}
		}
		if _, err := d.Publish(context.Background(), events); err != nil {
			b.Fatal(err)
		}
		published += int64(len(events))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(published), "ns/delivery")
	if err := d.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
}

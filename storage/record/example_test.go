package record_test

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// A delivery that waits for its first attempt is one byte: all that is to be known of it
// stands in its key, and in its event.
func Example() {
	id := webhook.ID{Seq: 0x0102, Endpoint: 7, Nonce: 9}
	d, err := record.DecodeDelivery(id, record.Fresh)
	fmt.Println(d.ID == id, d.Status, d.Attempts, err)
	// Output: true queued 0 <nil>
}

// The record of a finished delivery holds its latest attempt; that of a pending one holds
// none, because a backend keeps the attempts apart.
func ExampleEncodeDelivery() {
	attempts := []webhook.Attempt{{Number: 1, At: time.Unix(1, 0), StatusCode: 503, Requests: 1}}
	for _, status := range []webhook.Status{webhook.Retrying, webhook.Failed} {
		d := webhook.Delivery{EventType: "user.created", Status: status, Attempts: 1, AttemptLog: attempts}
		back, err := record.DecodeDelivery(d.ID, record.EncodeDelivery(&d))
		fmt.Println(back.Status, back.Attempts, len(back.AttemptLog), err)
	}
	// Output:
	// retrying 1 0 <nil>
	// failed 1 1 <nil>
}

// Two publishers may use the same idempotency key.
func ExampleKeyHash() {
	one := webhook.Event{Publisher: "a", IdempotencyKey: "order-1"}
	other := webhook.Event{Publisher: "b", IdempotencyKey: "order-1"}
	fmt.Println(record.KeyHash(&one) == record.KeyHash(&other))
	// Output: false
}

package layout_test

import (
	"fmt"

	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
	"github.com/corpastro/astrohook/webhook"
)

// A delivery that waits for its first attempt is a key and one byte: all that is to be
// known of it stands in the key, and in its event.
func Example() {
	id := webhook.ID{Seq: 0x0102, Endpoint: 7, Nonce: 9}
	key := layout.DeliveryKey(layout.SpaceQueued, id)
	fmt.Printf("%c %x\n", key[0], key[1:])
	d, err := record.DecodeDelivery(layout.ParseDeliveryKey(key), record.Fresh)
	fmt.Println(d.ID == id, d.Status, d.Attempts, err)
	// Output:
	// q 00000007000000000000010200000009
	// true queued 0 <nil>
}

// Keys of one endpoint sort by time, so a scan of its retry schedule meets first what is
// due first, whenever it was published.
func ExampleScheduleKey() {
	young, old := webhook.ID{Seq: 9, Endpoint: 7}, webhook.ID{Seq: 1, Endpoint: 7}
	soon, late := layout.ScheduleKey(layout.SlotOf(1000, young)), layout.ScheduleKey(layout.SlotOf(2000, old))
	fmt.Println(string(soon) < string(late))
	// Output: true
}

// The log of a delivery has as many places as attempts are kept: a new attempt takes the
// place of the oldest.
func ExampleAttemptKey() {
	id := webhook.ID{Seq: 1, Endpoint: 7}
	first := layout.AttemptKey(id, 1)
	fmt.Println(string(first) == string(layout.AttemptKey(id, 1+webhook.MaxAttemptLog)), layout.ParseLogKey(first) == id)
	// Output: true true
}

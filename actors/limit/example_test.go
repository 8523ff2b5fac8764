package limit_test

import (
	"fmt"
	"time"

	"github.com/corpastro/astrohook/actors/limit"
)

// An endpoint takes a permit for each attempt. Where none may be taken it waits, and is
// notified when one is kept for it.
func ExamplePermits() {
	now := time.Now()
	permits := limit.NewPermits(1, now)
	first := permits.Join("acme", func() {})
	second := permits.Join("other", func() { fmt.Println("a permit is kept for the second endpoint") })

	held, ok := permits.Acquire(first, limit.TierProven, now)
	fmt.Println("the first endpoint sends:", ok)
	_, ok = permits.Acquire(second, limit.TierProven, now)
	fmt.Println("the second one sends:", ok)

	permits.Release(held, now.Add(time.Second)) // the attempt has ended
	held, ok = permits.Acquire(second, limit.TierProven, now.Add(time.Second))
	fmt.Println("the second one sends:", ok)
	permits.Release(held, now.Add(2*time.Second))

	permits.Leave(first, now)
	permits.Leave(second, now)
	// Output:
	// the first endpoint sends: true
	// the second one sends: false
	// a permit is kept for the second endpoint
	// the second one sends: true
}

// What an endpoint's actor holds in memory is returned when its reservation is closed,
// whatever was not released before.
func ExampleBudget() {
	budget := limit.NewBudget(64 << 20)
	held := budget.Reserve(new(limit.Client))
	fmt.Println("a payload fits:", held.TryTake(10_000))
	fmt.Println(budget.InUse(), "bytes in use")
	held.Close()
	fmt.Println(budget.InUse(), "bytes in use")
	// Output:
	// a payload fits: true
	// 10000 bytes in use
	// 0 bytes in use
}

// Reads of storage run in the background, each client's in its turn. Those to be run soon
// come before the client's others.
func ExampleReaders() {
	readers, client := limit.NewReaders(), new(limit.Client)
	done := make(chan string, 1)
	readers.Run(client, true, func() { done <- "the endpoint was read" })
	fmt.Println(<-done)
	readers.Close()
	// Output:
	// the endpoint was read
}

// A client may publish 86,400 bytes in 24 hours: one each second. Unused bytes gather for
// an hour.
func ExampleVolumes() {
	volumes, now := limit.NewVolumes(1000), time.Now()
	fmt.Println("wait", volumes.Take("acme", 3600, 86_400, now))
	fmt.Println("wait", volumes.Take("acme", 60, 86_400, now).Round(time.Second))
	// Output:
	// wait 0s
	// wait 1m0s
}

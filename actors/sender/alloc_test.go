//go:build !race

// The race detector makes pools forget on purpose, so that allocations cannot be
// counted under it.

package sender

import (
	"net"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestSendAllocates: an attempt allocates its excerpt. Checking whether an idle
// connection in memory is quiet allocates as well; with a socket it does not.
func TestSendAllocates(t *testing.T) {
	dial := dialTo(func() (net.Conn, error) { return &echo{answer: []byte(expressAnswer)}, nil }, nil)
	target := open(t, newClient(t, Options{Dial: dial}), "http://127.0.0.1/", webhook.Settings{})
	allocs := testing.AllocsPerRun(1000, func() { target.Send(due("user.created", benchData)) })
	if allocs > 4 {
		t.Fatalf("%v allocations for an attempt, want 4 at most", allocs)
	}
}

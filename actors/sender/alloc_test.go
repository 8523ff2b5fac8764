//go:build !race

// The race detector makes pools forget on purpose, so that allocations cannot be
// counted under it.

package sender

import (
	"net"
	"testing"

	"github.com/corpastro/astrohook/webhook"
)

// TestSendAllocates little: the excerpt, and what looking at an idle connection
// in memory costs, which one with a socket does not.
func TestSendAllocates(t *testing.T) {
	dial := dialTo(func() (net.Conn, error) { return &echo{answer: []byte(expressAnswer)}, nil }, nil)
	target := open(t, newClient(t, Options{Dial: dial}), "http://127.0.0.1/", webhook.Settings{})
	allocs := testing.AllocsPerRun(1000, func() { target.Send(due("user.created", benchData)) })
	if allocs > 4 {
		t.Fatalf("%v allocations for an attempt, want 4 at most", allocs)
	}
}

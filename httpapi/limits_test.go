package httpapi

import (
	"bufio"
	"net"
	"testing"
	"testing/synctest"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
	"github.com/corpastro/astrohook/httpapi/problem"
)

// TestRequestsUnderWay: a caller that has as many requests under way as it may is refused
// the next one; another caller is not.
func TestRequestsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFixture(t, func(o *Options) { o.Limits.Connections = 20 })
		hold := make(chan struct{})
		f.dispatcher.hold = hold
		var busy []net.Conn
		for range 10 {
			c := f.dial(t)
			inboundtest.Send(t, c, f.good())
			busy = append(busy, c)
		}
		synctest.Wait()
		r := f.want(t, 429, backend, "POST", "/api/events", eventWith("1"))
		if r.header.Get("Retry-After") == "" || r.text(t, "type") != problem.TypePrefix+string(problem.TooMany) {
			t.Errorf("got %v %s", r.header, r.body)
		}
		f.want(t, 200, acme, "GET", "/api/webhooks", "")
		close(hold)
		for _, c := range busy {
			if status, _, _ := readAnswer(t, bufio.NewReader(c)); status != 202 {
				t.Errorf("a request under way: got %d", status)
			}
		}
		f.want(t, 202, backend, "POST", "/api/events", eventWith("1"))
		if n := f.underWay.requests.Used(); n != 0 {
			t.Errorf("%d requests count as under way", n)
		}
	})
}

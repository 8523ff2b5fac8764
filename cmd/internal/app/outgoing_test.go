package app

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// TestOutgoingSettings reach every part that has to know them.
func TestOutgoingSettings(t *testing.T) {
	settings := func(c *Config) {
		c.DenyAddresses, c.DenyHosts, c.DenyPorts = []string{"127.0.0.2"}, []string{"*.localhost"}, []string{"1-1023"}
		c.AllowHosts, c.AllowPorts = []string{"localhost", "*.localhost"}, []string{"1-9999"}
		c.ResponseExcerpt, c.HeaderPrefix = 10, "X-Acme"
	}
	inWorldOf(t, settings, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.With(200, strings.Repeat("a", 100)) })
		for name, body := range map[string]string{
			"deny-addresses": `"target_url":"http://127.0.0.2:9001/"`,
			"deny-hosts":     `"target_url":"http://app.localhost:9001/"`,
			"allow-hosts":    `"target_url":"http://receiver.example:9001/"`,
			"deny-ports":     `"target_url":"http://127.0.0.1/"`,
			"allow-ports":    `"target_url":"http://127.0.0.1:10000/"`,
			"header-prefix":  `"target_url":"http://127.0.0.1:9001/","headers":{"X-Acme-Event":"a"}`,
		} {
			if answer := w.call("POST", "/api/webhooks", `{"client_id":"acme","event_type":"*",`+body+`}`, 422); answer["field"] == nil {
				t.Errorf("%s: %v", name, answer)
			}
		}
		endpoint := w.register(9001, `,"headers":{"authorization":"Bearer b"}`)
		w.publish()
		time.Sleep(time.Second)
		delivered := w.deliveries(endpoint, "delivered")
		if len(delivered) != 1 {
			t.Fatalf("delivered: %v", delivered)
		}
		d := w.call("GET", "/api/deliveries/"+delivered[0]["id"].(string), "", 200)
		if got := fmt.Sprint(d["response_body"]); got != strings.Repeat("a", 10) {
			t.Errorf("kept of the response: %q", got)
		}
		r := receiver.Requests()[0]
		if r.Field("X-Acme-Event") != "user.created" || !strings.Contains(strings.Join(r.Fields, "\n"), "\nauthorization: Bearer b\n") {
			t.Errorf("the receiver got %q", r.Fields)
		}
	})
}

// TestEgressProxySetting: deliveries ask the proxy, and connect to nothing else.
func TestEgressProxySetting(t *testing.T) {
	var elsewhere atomic.Int64
	settings := func(c *Config) {
		c.EgressProxy = "http://127.0.0.1:3128"
		reach := c.Dial
		c.Dial = func(ctx context.Context, network string, addr netip.AddrPort) (net.Conn, error) {
			if addr.Port() != 3128 {
				elsewhere.Add(1)
			}
			return reach(ctx, network, addr)
		}
	}
	inWorldOf(t, settings, func(w *world) {
		proxy := w.receiver(3128, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(200) })
		asked := make(chan string, 1)
		proxy.OnConnect(func(c *receivertest.Conn) {
			var request [1000]byte
			n, _ := c.Read(request[:])
			asked <- string(request[:n])
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n") // and is the receiver itself
		})
		w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Answer(200) })
		endpoint := w.register(9001, "")
		w.publish()
		time.Sleep(time.Second)
		select {
		case request := <-asked:
			if !strings.HasPrefix(request, "CONNECT 127.0.0.1:9001 HTTP/1.1\r\n") {
				t.Errorf("the proxy was asked %q", request)
			}
		default:
			t.Error("the proxy was not asked")
		}
		if n := len(w.deliveries(endpoint, "delivered")); n != 1 || elsewhere.Load() != 0 || proxy.Count() != 1 {
			t.Errorf("%d delivered, %d connections elsewhere, %d requests through the proxy", n, elsewhere.Load(), proxy.Count())
		}
	})
}

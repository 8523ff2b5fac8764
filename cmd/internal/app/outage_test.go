//go:build faults

package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

const (
	outageEndpoints = 10_000
	outageEvents    = 5
	// outageGroup is how many endpoints get the same events.
	outageGroup = 100
)

// TestFaultOutage: 10,000 endpoints are down for a virtual day, and then up. All of their
// deliveries arrive once, at a bounded pace and in bounded memory.
func TestFaultOutage(t *testing.T) {
	const owed = outageEndpoints * outageEvents
	o := &outage{down: true, delivered: map[string]bool{}, perSecond: map[int64]int{}}
	began := time.Now()
	inWorldOf(t, o.settings, func(w *world) {
		o.register(w)
		before := heapInUse()
		o.publish(w)
		time.Sleep(time.Minute) // the breakers open
		first, _ := o.take()
		time.Sleep(24 * time.Hour)
		tried, most := o.take()
		held := heapInUse() - before
		t.Logf("down: %d attempts in the first minute, then %d in a day, at most %d in a second; %d MiB more in use", first, tried, most, held>>20)
		// By default a breaker opens after 10 failures, while 8 attempts are in flight;
		// then there is one attempt each time, for the doubling from 30 s to 2 h and on.
		if first > 18*outageEndpoints || tried > 20*outageEndpoints || most > outageEndpoints {
			t.Error("a storm while they are down")
		}
		if held > outageEndpoints*10<<10 {
			t.Error("more than 10 KiB are held for an endpoint that is down")
		}

		o.comeUp()
		up := time.Now()
		for o.count() < owed && time.Since(up) < 5*time.Hour {
			time.Sleep(time.Second)
		}
		took := time.Since(up)
		time.Sleep(5 * time.Hour) // nothing more may come
		arrived, most := o.take()
		t.Logf("up: %d deliveries in %v, at most %d in a second and %d at once", o.count(), took, most, o.peak)
		if o.count() != owed || arrived != owed {
			t.Errorf("%d attempts for %d of %d deliveries", arrived, o.count(), owed)
		}
		if o.peak > w.app.descriptors.attempts {
			t.Errorf("%d attempts at once, more than there are slots", o.peak)
		}
	})
	t.Logf("%v of real time", time.Since(began).Round(time.Second))
}

// outage is the network to all endpoints.
type outage struct {
	listener *fasthttputil.InmemoryListener

	mu        sync.Mutex
	down      bool
	delivered map[string]bool
	perSecond map[int64]int // connections tried while down, requests while up
	now, peak int           // requests being answered
}

func (o *outage) settings(c *Config) {
	c.ClientMaxWebhooks = outageEndpoints
	c.Sync = false            // the disk is not what is tested
	c.WatchPeriod = time.Hour // a look at each endpoint every 40 s of a day takes minutes
	c.CheckEventTypes = false
	c.EndpointMaxAttempts, c.EndpointRetryMax, c.EndpointBreakerMax = 100, 2*time.Hour, 2*time.Hour
	c.Dial = func(context.Context, string, netip.AddrPort) (net.Conn, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.down {
			o.perSecond[time.Now().Unix()]++
			return nil, errors.New("connection refused")
		}
		return o.listener.Dial()
	}
}

// register registers an endpoint at each of the ports from 20000 on.
func (o *outage) register(w *world) {
	w.t.Helper()
	o.listener = fasthttputil.NewInmemoryListener()
	s := receivertest.Start(o.listener)
	s.Forget()
	s.Behave(o.receive)
	w.t.Cleanup(s.Close)
	for port := range outageEndpoints {
		w.call("POST", "/api/webhooks", fmt.Sprintf(
			`{"client_id":"acme","event_type":"group.%d","target_url":"http://127.0.0.1:%d/"}`, port/outageGroup, 20_000+port), 201)
	}
}

// publish publishes the events to each group of endpoints.
func (o *outage) publish(w *world) {
	w.t.Helper()
	for range outageEvents {
		for group := range outageEndpoints / outageGroup {
			w.call("POST", "/api/events", fmt.Sprintf(`{"event_type":"group.%d","data":{}}`, group), 202)
		}
	}
}

// receive takes a while to answer.
func (o *outage) receive(r receivertest.Request) receivertest.Reply {
	_, rest, _ := bytes.Cut(r.Body, []byte(`"id":"`))
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	o.begin(string(id))
	return func(c *receivertest.Conn) {
		c.Pause(50 * time.Millisecond)
		o.mu.Lock()
		o.now--
		o.mu.Unlock()
		receivertest.Answer(200)(c)
	}
}

func (o *outage) begin(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delivered[id] = true
	o.perSecond[time.Now().Unix()]++
	o.now++
	o.peak = max(o.peak, o.now)
}

func (o *outage) comeUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = false
}

func (o *outage) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.delivered)
}

// take returns what was counted, in sum and in the fullest second, and begins again.
func (o *outage) take() (sum, most int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.perSecond {
		sum, most = sum+n, max(most, n)
	}
	clear(o.perSecond)
	return sum, most
}

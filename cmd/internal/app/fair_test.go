package app

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// subscribe makes an endpoint of a client, at a port, for one event type; settings are further members of its body.
func (w *world) subscribe(client, eventType string, port uint16, settings string) {
	w.t.Helper()
	w.call("POST", "/api/webhooks", fmt.Sprintf(
		`{"client_id":%q,"event_type":%q,"target_url":"http://127.0.0.1:%d/hook"%s}`, client, eventType, port, settings), 201)
}

// post publishes events of one type.
func (w *world) post(eventType string, count int) {
	w.t.Helper()
	for count > 0 {
		n := min(count, 500)
		event := fmt.Sprintf(`{"event_type":%q,"data":{"n":1}}`, eventType)
		w.call("POST", "/api/events/batch", "["+strings.Repeat(event+",", n-1)+event+"]", 202)
		count -= n
	}
}

// hogs are receivers that answer 200, at first at once and later late.
type hogs struct {
	count         int
	width         int // attempts in flight that each may have
	timeout, hold time.Duration
}

// start ramps the hogs of a client up, and leaves them with a backlog. Each attempt of it
// lasts for hold.
func (h *hogs) start(w *world, client string) *receivertest.Receiver {
	ln := fasthttputil.NewInmemoryListener()
	s := receivertest.Start(ln)
	s.Forget()
	var late atomic.Bool
	s.Always(func(c *receivertest.Conn) {
		if late.Load() {
			c.Pause(h.hold)
		}
		receivertest.Answer(200)(c)
	})
	w.t.Cleanup(s.Close)
	for port := uint16(20000); port < 20000+uint16(h.count); port++ {
		w.receivers[port] = ln
		w.subscribe(client, "hog.work", port, fmt.Sprintf(`,"concurrency":%d,"timeout_ms":%d`, h.width, h.timeout.Milliseconds()))
	}
	w.post("hog.work", 2*h.width)
	time.Sleep(10 * time.Second)
	late.Store(true)
	w.post("hog.work", 3*h.width)
	time.Sleep(h.hold / 2)
	return s
}

// latencies publishes events one by one, and returns for each how long it took to reach the receiver.
func (w *world) latencies(s *arrivals, eventType string, count int) []time.Duration {
	w.t.Helper()
	before := len(s.all())
	var published []time.Duration
	for range count {
		published = append(published, time.Since(s.start))
		w.post(eventType, 1)
		time.Sleep(50 * time.Millisecond)
	}
	at := s.all()[before:]
	for len(at) < count {
		time.Sleep(time.Second)
		at = s.all()[before:]
	}
	late := make([]time.Duration, count)
	for i := range late {
		late[i] = at[i] - published[i]
	}
	slices.Sort(late)
	return late
}

// TestSlowReceiversHurtOnlyThemselves: receivers answer 200 after seconds, with a
// backlog. A healthy endpoint, of another client or of the same one, gets its
// deliveries as fast as it does alone, to the nanosecond of virtual time.
func TestSlowReceiversHurtOnlyThemselves(t *testing.T) {
	for _, h := range []hogs{
		{64, 64, 10 * time.Second, 9 * time.Second},
		{4, 1024, time.Minute, 55 * time.Second},
	} {
		for _, client := range []string{"acme", "hog"} {
			t.Run(fmt.Sprint(h.count, " slow receivers, healthy one of client ", client), func(t *testing.T) {
				inWorldOf(t, func(c *Config) { c.Sync, c.CheckEventTypes = false, false }, func(w *world) {
					var arrived arrivals
					w.receiver(9001, arrived.answering(receivertest.Answer(200)))
					w.subscribe(client, "good.work", 9001, "")
					alone := w.latencies(&arrived, "good.work", 50)
					slow := h.start(w, "hog")
					if open, least := slow.Open(), w.app.descriptors.attempts/2; open < least {
						t.Errorf("the slow receivers have %d connections, less than %d: the test shows nothing", open, least)
					}
					late := w.latencies(&arrived, "good.work", 50)
					if late[49] != alone[49] {
						t.Errorf("beside slow receivers the healthy one waits %v, p50 %v; alone %v", late[49], late[25], alone[49])
					}
					slow.Close()
					synctest.Wait()
				})
			})
		}
	}
}

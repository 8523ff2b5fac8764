package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// TestStopIsBounded: an attempt that gets no answer is cut off at the bound, and
// its delivery is sent again, under the same ID, after the next start.
func TestStopIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply { return receivertest.Silence() })
		w.register(9001, "")
		w.publish()
		synctest.Wait()
		if n := receiver.Count(); n != 1 {
			t.Fatal("attempts in flight:", n)
		}
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		if err := w.app.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("the error of the stop does not say that its time was up:", err)
		}
		if took := time.Since(begin); took < 3*time.Second || took > 5*time.Second {
			t.Error("a stop bound to 4 s took", took)
		}
		w.client.CloseIdleConnections()
		receiver.Always(receivertest.Answer(200))
		w.start()
		time.Sleep(time.Minute)
		requests := receiver.Requests()
		if len(requests) != 2 || idOf(requests[0]) == "" || idOf(requests[0]) != idOf(requests[1]) {
			t.Errorf("requests: %+v", requests)
		}
	})
}

// TestStopWaits: an attempt that is answered within the bound is recorded, and not made again.
func TestStopWaits(t *testing.T) {
	inWorld(t, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply {
			return receivertest.After(3*time.Second, receivertest.Answer(200))
		})
		endpoint := w.register(9001, "")
		w.publish()
		synctest.Wait()
		w.restart()
		time.Sleep(time.Minute)
		if n := receiver.Count(); n != 1 {
			t.Error("attempts:", n)
		}
		if delivered := w.deliveries(endpoint, "delivered"); len(delivered) != 1 {
			t.Error("delivered:", delivered)
		}
	})
}

// TestStopLeavesTimeForAttempts: a request that hangs does not take the time that
// the attempts in flight need to end, so that none is made twice.
func TestStopLeavesTimeForAttempts(t *testing.T) {
	const events = 20
	inWorld(t, func(w *world) {
		receiver := w.receiver(9001, func(receivertest.Request) receivertest.Reply {
			return receivertest.After(900*time.Millisecond, receivertest.Answer(200))
		})
		w.receiver(9002, func(receivertest.Request) receivertest.Reply { return receivertest.Silence() })
		w.register(9001, `,"concurrency":1`)
		for range events {
			w.publish()
		}
		hanging := w.hang("/api/webhooks/" + w.register(9002, "") + "/test?wait=10s")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		if err := w.app.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("the stop does not say that a request was cut off:", err)
		}
		<-hanging
		w.client.CloseIdleConnections()
		w.start()
		time.Sleep(time.Minute)
		if n := receiver.Count(); n != events {
			t.Errorf("%d attempts for %d events", n, events)
		}
	})
}

// hang posts to the API in the background. The channel that it returns gets the result.
func (w *world) hang(path string) <-chan error {
	request := fasthttp.AcquireRequest()
	request.Header.SetMethod(fasthttp.MethodPost)
	request.SetRequestURI("http://astrohook" + path)
	request.Header.Set("Authorization", "Bearer "+w.token())
	ended := make(chan error, 1)
	go func() {
		defer fasthttp.ReleaseRequest(request)
		ended <- w.client.Do(request, nil)
	}()
	return ended
}

// idOf is the delivery's ID in a request's headers.
func idOf(r receivertest.Request) string {
	for _, field := range r.Fields {
		if id, ok := strings.CutPrefix(field, "X-Corp-Astro-Webhook-ID: "); ok {
			return id
		}
	}
	return ""
}

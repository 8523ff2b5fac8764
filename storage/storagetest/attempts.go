package storagetest

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

var attemptTests = []test{
	{name: "keeps the latest attempts, of whichever only the last one is settled", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		var last webhook.Delivery
		for n := 1; n <= 2*webhook.MaxAttemptLog+5; n++ {
			last = f.fails(id, []byte("short"), forever)
			f.hasAttempts(id, max(1, n-webhook.MaxAttemptLog+1), n)
		}
		f.check(func() { same(f, f.delivery(id), last) })
		last = f.fails(id, nil, webhook.RetryPolicy{MaxAttempts: 1})
		same(f, last.Status, webhook.Failed)
		f.check(func() {
			same(f, f.delivery(id), last)
			f.hasAttempts(id, last.Attempts-webhook.MaxAttemptLog+1, last.Attempts)
		})
	}},
	{name: "keeps the whole bodies of the latest attempts only", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		for n := 1; n <= 5; n++ {
			f.fails(id, longBody(n), forever)
		}
		f.check(func() { f.bodies(id, 5) })
		f.fails(id, longBody(6), webhook.RetryPolicy{MaxAttempts: 1})
		f.check(func() { f.bodies(id, 6) })
	}},
	{name: "keeps the whole body of an attempt for one more, whether that has one or not", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		f.fails(id, longBody(1), forever)
		for n, long := range []bool{true, false, false} {
			f.fails(id, []byte("short"), forever)
			f.check(func() {
				log := f.delivery(id).AttemptLog
				same(f, len(log), n+2)
				same(f, len(log[0].Response) > webhook.MaxShortResponse, long)
				same(f, log[0].ResponseTruncated, !long)
			})
		}
	}},
	{name: "keeps a body as it was, and whether it was longer", run: func(f *fixture) {
		for _, c := range []struct {
			size      int
			truncated bool
		}{
			{0, false},
			{1, true},
			{webhook.MaxShortResponse, false},
			{webhook.MaxShortResponse, true},
			{webhook.MaxShortResponse + 1, false},
			{64 << 10, false},
			{64 << 10, true},
		} {
			for _, policy := range []webhook.RetryPolicy{forever, {MaxAttempts: 1}} {
				was := f.delivery(f.queued(1, 1)[0])
				a := f.attempt(500)
				a.Response, a.ResponseTruncated = bytes.Repeat([]byte("b"), c.size), c.truncated
				if c.size == 0 {
					a.Response = nil
				}
				now := was.Attempted(a, policy, 0)
				f.settle(webhook.Settlement{Was: was.Place(), Now: now})
				f.check(func() { same(f, f.delivery(was.ID), now) })
			}
		}
	}},
	{name: "lists the latest attempt with a short body", run: func(f *fixture) {
		f.endpoint("a")
		id := f.queued(1, 1)[0]
		for n := 1; n <= 3; n++ {
			f.fails(id, longBody(n), forever)
		}
		f.check(func() {
			want := f.delivery(id).Listed()
			same(f, len(want.AttemptLog[0].Response), webhook.MaxShortResponse)
			for _, q := range []webhook.DeliveryQuery{{Endpoint: 1}, {ClientID: "a"}, {}} {
				q.Limit = 5
				page, err := f.ListDeliveries(f.Context(), q)
				f.must(err)
				same(f, page.Deliveries, []webhook.Delivery{want})
			}
			all, err := f.EventDeliveries(f.Context(), id, 0, 5)
			f.must(err)
			same(f, all, []webhook.Delivery{want})
		})
	}},
	{name: "reads what is due without attempts", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		f.fails(id, longBody(1), forever)
		want := []webhook.Due{{Delivery: withoutLog(f.delivery(id)), Data: f.event().Data}}
		f.check(func() {
			due, _, err := f.Scheduled(f.Context(), 1, webhook.Slot{}, f.at(1e6), 5, 1<<20)
			f.must(err)
			same(f, due, want)
		})
		due, err := f.Requeue(f.Context(), id)
		f.must(err)
		same(f, due.Delivery, withoutLog(f.delivery(id)))
		f.check(func() {
			due, err := f.Queued(f.Context(), 1, webhook.ID{}, 5, 1<<20)
			f.must(err)
			same(f, due, []webhook.Due{{Delivery: withoutLog(f.delivery(id)), Data: want[0].Data}})
		})
	}},
	{name: "keeps the attempts through every change by request", run: func(f *fixture) {
		for _, policy := range []webhook.RetryPolicy{forever, {MaxAttempts: 2}} {
			id := f.queued(1, 1)[0]
			f.fails(id, longBody(1), forever)
			f.fails(id, longBody(2), policy)
			log := f.delivery(id).AttemptLog
			f.bodies(id, 2)
			_, err := f.Requeue(f.Context(), id)
			f.must(err)
			f.check(func() { same(f, f.delivery(id).AttemptLog, log) })
			cancelled, err := f.Cancel(f.Context(), id, webhook.ReasonCancelled, f.at(5))
			f.must(err)
			same(f, cancelled.AttemptLog, log)
			f.check(func() { same(f, f.delivery(id), cancelled) })
			f.replay(webhook.DeliveryQuery{Endpoint: 1, Status: webhook.Cancelled, Limit: 5}, 1)
			f.check(func() { same(f, f.delivery(id).AttemptLog, log) })
			f.fails(id, longBody(3), webhook.RetryPolicy{MaxAttempts: 1})
			f.check(func() { f.bodies(id, 3) })
		}
	}},
	{name: "keeps the attempts of what ends without a further one", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		f.fails(id, longBody(1), forever)
		was := f.delivery(id)
		now := withoutLog(was).Fail(webhook.ReasonPanic, f.at(9))
		f.settle(webhook.Settlement{Was: was.Place(), Now: now})
		now.AttemptLog = was.AttemptLog
		f.check(func() {
			f.onlyIn(id, now)
			same(f, f.schedule(1, 1e6), nil)
			same(f, f.Pending(), 0)
			page, err := f.ListDeliveries(f.Context(), webhook.DeliveryQuery{Endpoint: 1, Limit: 1})
			f.must(err)
			same(f, page.Deliveries, []webhook.Delivery{now.Listed()})
		})
	}},
	{name: "keeps what an attempt met, and the heads of the latest", run: func(f *fixture) {
		id := f.queued(1, 1)[0]
		var log []webhook.Attempt
		for n := 1; n <= webhook.MaxLongResponses+2; n++ {
			now := f.meets(id, n, "HTTP/1.1 500 No\nN: "+strconv.Itoa(n), forever)
			log = append(log, *now.LastAttempt())
			for i := range len(log) - webhook.MaxLongResponses {
				log[i] = log[i].Shortened()
			}
			f.check(func() { same(f, f.delivery(id).AttemptLog, log) })
		}
		page, err := f.ListDeliveries(f.Context(), webhook.DeliveryQuery{Endpoint: 1, Limit: 1})
		f.must(err)
		same(f, page.Deliveries[0].AttemptLog[0], log[len(log)-1].Shortened())
		now := f.meets(id, 9, "HTTP/1.1 500", webhook.RetryPolicy{MaxAttempts: 1})
		_, err = f.Requeue(f.Context(), id)
		f.must(err)
		f.check(func() { same(f, f.delivery(id).AttemptLog[webhook.MaxLongResponses+2], *now.LastAttempt()) })
	}},
	{name: "keeps nothing of the memory that a settlement came in", run: func(f *fixture) {
		for _, size := range []int{10, webhook.MaxShortResponse, 2 * webhook.MaxShortResponse} {
			for _, policy := range []webhook.RetryPolicy{forever, {MaxAttempts: 1}} {
				was := f.delivery(f.queued(1, 1)[0])
				a := f.attempt(500)
				a.Response = bytes.Repeat([]byte("b"), size)
				now := was.Attempted(a, policy, 0)
				f.settle(webhook.Settlement{Was: was.Place(), Now: now})
				clear(a.Response) // the next response is read into it
				got := f.delivery(was.ID).AttemptLog[0].Response
				same(f, string(got), strings.Repeat("b", size))
			}
		}
	}},
	{name: "keeps a body again once those before it are stored", run: func(f *fixture) {
		const size = 64 << 10
		for n := range webhook.EndpointNumber(3 * storage.MaxWaitingBodies / size / 2) {
			id := f.queued(n+1, 1)[0]
			d := f.fails(id, bytes.Repeat([]byte("b"), size), forever)
			same(f, len(d.AttemptLog[0].Response), size)
		}
	}},
	{name: "keeps every attempt and no more bodies than the budget allows", timed: true, run: bodyBudget},
	{name: "keeps for ever the attempts of what is pending", timed: true, run: func(f *fixture) {
		retrying, requeued := f.queued(1, 1)[0], f.queued(1, 1)[0]
		for n := 1; n <= 3; n++ {
			f.fails(retrying, longBody(n), forever)
		}
		f.fails(requeued, longBody(1), forever)
		f.fails(requeued, longBody(2), webhook.RetryPolicy{MaxAttempts: 1})
		_, err := f.Requeue(f.Context(), requeued)
		f.must(err)
		want := []webhook.Delivery{f.delivery(retrying), f.delivery(requeued)}
		f.expire()
		f.reap(f.now.Add(50 * 365 * 24 * time.Hour)) // whatever the clock says
		f.check(func() {
			same(f, []webhook.Delivery{f.delivery(retrying), f.delivery(requeued)}, want)
			f.bodies(retrying, 3)
			f.bodies(requeued, 2)
		})
	}},
	{name: "removes the attempts with the event", timed: true, run: func(f *fixture) {
		events := []webhook.Event{f.event(1, 2), f.event(1), f.event(1, 2)}
		f.accept(events...)
		for _, e := range events {
			for _, n := range e.Endpoints {
				f.fails(e.ID.For(n), longBody(1), forever)
				f.fails(e.ID.For(n), longBody(2), forever)
				f.fails(e.ID.For(n), longBody(3), webhook.RetryPolicy{MaxAttempts: 1})
			}
		}
		f.expire()
		for more, steps := true, 0; more; steps++ { // a log does not leave in one step
			var err error
			more, err = f.Reap(f.Context(), f.clock(), 3)
			f.must(err)
			same(f, steps < 1000, true)
		}
		// What is left would show with a delivery of the same ID.
		f.accept(events...)
		f.check(func() {
			for _, e := range events {
				for _, n := range e.Endpoints {
					d := f.delivery(e.ID.For(n))
					d.Attempts = 3
					f.settle(webhook.Settlement{Was: d.Place(), Now: d.Attempted(f.attempt(500), forever, 0)})
					f.hasAttempts(d.ID, 4, 4)
				}
			}
			if !f.backend.Remote { // a database in common refuses IDs that it has
				f.accept(events...)
			}
		})
	}},
}

// forever is a policy that never stops retrying.
var forever = webhook.RetryPolicy{MaxAttempts: 1000, Initial: 10 * time.Second, Multiplier: 1, MaxDelay: time.Hour}

// longBody is longer than the part that every attempt keeps.
func longBody(n int) []byte { return bytes.Repeat([]byte{byte('a' + n)}, 2000+n) }

// fails settles a failed attempt like a caller that knows no earlier attempts, and
// returns the delivery as it is stored afterwards.
func (f *fixture) fails(id webhook.ID, response []byte, policy webhook.RetryPolicy) webhook.Delivery {
	f.Helper()
	was := withoutLog(f.delivery(id))
	a := f.attempt(500)
	a.Response, a.Requests, a.Latency = response, 1, time.Millisecond
	f.settle(webhook.Settlement{Was: was.Place(), Now: was.Attempted(a, policy, 0)})
	return f.delivery(id)
}

// meets settles an attempt that has everything that depends on its connection.
func (f *fixture) meets(id webhook.ID, n int, head string, policy webhook.RetryPolicy) webhook.Delivery {
	f.Helper()
	was := withoutLog(f.delivery(id))
	a := f.attempt(500)
	a.Requests, a.Latency, a.SentAs, a.ResponseHead = 1, 3*time.Millisecond, uint32(n), head
	if n%2 == 0 {
		a.Response, a.ResponseTruncated = longBody(n), true
	}
	a.Connection = webhook.Connection{
		From: netip.MustParseAddrPort("192.0.2.1:40000"), To: netip.MustParseAddrPort("[2001:db8::1]:443"), Reused: n%2 == 0,
		DNS: time.Duration(n) * time.Millisecond, Connect: time.Millisecond, TLS: 2 * time.Millisecond, FirstByte: time.Duration(n) * time.Millisecond,
	}
	now := was.Attempted(a, policy, 0)
	f.settle(webhook.Settlement{Was: was.Place(), Now: now})
	return now
}

// hasAttempts checks that a delivery's log has the attempts from first to last.
func (f *fixture) hasAttempts(id webhook.ID, first, last int) {
	f.Helper()
	var got, want []int
	for _, a := range f.delivery(id).AttemptLog {
		got = append(got, a.Number)
	}
	for n := first; n <= last; n++ {
		want = append(want, n)
	}
	same(f, got, want)
}

// bodies checks that the latest attempts keep their long bodies.
func (f *fixture) bodies(id webhook.ID, attempts int) {
	f.Helper()
	log := f.delivery(id).AttemptLog
	same(f, len(log), attempts)
	for i, a := range log {
		want := webhook.Attempt{Response: longBody(i + 1)}
		if i < attempts-webhook.MaxLongResponses {
			want = want.Shortened()
		}
		same(f, string(a.Response), string(want.Response))
		same(f, a.ResponseTruncated, want.ResponseTruncated)
	}
}

// bodyBudget has one endpoint answer with more than it may have stored.
func bodyBudget(f *fixture) {
	const size = 64 << 10
	began := time.Now()
	ids := f.queued(1, 3*storage.EndpointBodyBurst/size)
	for _, id := range ids {
		f.fails(id, bytes.Repeat([]byte("x"), size), forever)
	}
	headed := f.meets(f.queued(1, 1)[0], 1, "HTTP/1.1 500 "+strings.Repeat("h", webhook.MaxResponseHead-13), forever)
	redirected := f.delivery(f.queued(1, 1)[0])
	a := f.attempt(302)
	a.Location = "/" + strings.Repeat("l", webhook.MaxLocation-1)
	f.settle(webhook.Settlement{Was: redirected.Place(), Now: redirected.Attempted(a, forever, 0)})
	// The endpoint may have more stored for each second that this takes.
	earned := int(time.Since(began)*storage.EndpointBodyRate/time.Second) + 1
	f.check(func() {
		if got := f.delivery(redirected.ID).AttemptLog[0].Location; got != a.Location || earned < len(a.Location) {
			same(f, got, a.Cut().Location)
		}
		if got := f.delivery(headed.ID).AttemptLog[0]; got.ResponseHead != "" && earned < len(got.ResponseHead) {
			f.Errorf("a head of %d bytes was kept over the budget", len(got.ResponseHead))
		} else {
			want := *headed.LastAttempt()
			want.ResponseHead = got.ResponseHead
			same(f, got, want) // the attempt itself is always kept
		}
		kept := 0
		for _, id := range ids {
			f.hasAttempts(id, 1, 1)
			a := f.delivery(id).AttemptLog[0]
			same(f, a.ResponseTruncated, len(a.Response) != size)
			same(f, len(a.Response) >= webhook.MaxShortResponse, true)
			if len(a.Response) == size {
				kept++
			}
		}
		same(f, kept >= storage.EndpointBodyBurst/size && kept <= (storage.EndpointBodyBurst+earned)/size, true)
	})
}

package actors

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// elsewhere changes registrations as other nodes do: this fleet's nodes hear nothing of it.
func (f *fleet) createElsewhere(client string, types ...string) webhook.EndpointNumber {
	e, err := f.versioned.CreateEndpoint(f.Context(), webhook.Endpoint{
		ID: webhook.ID{Seq: webhook.SeqAt(time.Now())}, ClientID: client, EventTypes: types, Status: webhook.EndpointActive,
	})
	if err != nil {
		f.Error(err)
	}
	return e.Number()
}

func (f *fleet) changeElsewhere(n webhook.EndpointNumber, change func(*webhook.Endpoint)) {
	f.Helper()
	if _, err := f.versioned.UpdateEndpoint(f.Context(), n, func(e *webhook.Endpoint) error { change(e); return nil }); err != nil {
		f.Fatal(err)
	}
}

// TestRegistrationThenPublication: an event that one node accepts after another one has
// registered an endpoint is delivered to it, although nobody said so.
func TestRegistrationThenPublication(t *testing.T) {
	inFleet(t, 2, nil, func(f *fleet) {
		f.spread()
		var endpoints []webhook.EndpointNumber
		for range 1000 {
			client := fmt.Sprint("client-", len(endpoints))
			n := f.createElsewhere(client, "user.created")
			endpoints = append(endpoints, n)
			id := f.nodes[len(endpoints)%2].publishTo(client, 1)[0]
			f.nodes[0].wantStatus(id.For(n), webhook.Delivered, "", 1)
			if f.Failed() {
				return
			}
		}
		if f.versioned.stale < 1000 {
			t.Errorf("only %d publications were stale: what was tested?", f.versioned.stale)
		}
	})
}

// TestEveryKindOfStalePublication: events that were matched too early are matched again,
// however the registrations changed, and the receipts are right.
func TestEveryKindOfStalePublication(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		f.own(0, webhook.AllParts())
		n := f.register(0, 1, webhook.Settings{})[0]
		publish := func() webhook.Receipt {
			t.Helper()
			receipts, err := f.nodes[0].d.Publish(f.Context(), []webhook.Event{{Type: "user.created", Data: []byte("1")}})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return receipts[0]
		}
		for _, step := range []struct {
			name   string
			change func(*webhook.Endpoint)
			want   webhook.Receipt
		}{
			{"paused", func(e *webhook.Endpoint) { e.Status = webhook.EndpointPaused }, webhook.Receipt{Deliveries: 1, Paused: 1}},
			{"active", func(e *webhook.Endpoint) { e.Status = webhook.EndpointActive }, webhook.Receipt{Deliveries: 1}},
			{"disabled", func(e *webhook.Endpoint) { e.Status = webhook.EndpointDisabled }, webhook.Receipt{Disabled: 1}},
			{"active", func(e *webhook.Endpoint) { e.Status = webhook.EndpointActive }, webhook.Receipt{Deliveries: 1}},
			{"other types", func(e *webhook.Endpoint) { e.EventTypes = []string{"order.*"} }, webhook.Receipt{}},
			{"the type again", func(e *webhook.Endpoint) { e.EventTypes = []string{"user.*"} }, webhook.Receipt{Deliveries: 1}},
			{"deleted", func(e *webhook.Endpoint) { e.Delete(time.Now()) }, webhook.Receipt{}},
		} {
			f.changeElsewhere(n, step.change)
			got := publish()
			got.EventID = webhook.ID{}
			if got != step.want {
				t.Errorf("%s: %+v, want %+v", step.name, got, step.want)
			}
			if applied, stored := f.nodes[0].d.Applied(), f.versioned.now(); applied != stored {
				t.Errorf("%s: version %d is applied, and the store has %d", step.name, applied, stored)
			}
		}
		f.nodes[0].wantPublished()
	})
}

// TestTakenIDs: another node has an event with the ID of one of these. All of the call are
// numbered again, and the receipts have the IDs that are stored.
func TestTakenIDs(t *testing.T) {
	h := &hook{}
	inRig(t, func(o *Options) { h.Store, o.Store, o.Cluster = o.Store.(storage.Store), h, quiet{} }, func(r *rig) {
		r.d.GainParts(webhook.AllParts())
		n := r.register(webhook.Settings{})
		var refused []webhook.Event
		h.accept = func(events []webhook.Event, done func([]webhook.Receipt, error)) {
			if len(refused) < 3 {
				refused = append(refused, events...)
				done(nil, fmt.Errorf("accept events: %w", webhook.ErrExists))
				return
			}
			h.Store.Accept(events, 0, done)
		}
		ids := r.publish(3, 10)
		r.wantOnce(n, ids)
		for _, e := range refused {
			if slices.Contains(ids, e.ID) {
				t.Errorf("%v was refused, and is in a receipt", e.ID)
			}
		}
		if len(refused) != 3 {
			t.Errorf("%d events were refused: what was tested?", len(refused))
		}
		r.wantPublished()
	})
}

// TestStaleWidePublication: a publication that goes to storage in several calls is matched
// again call by call, and its calls are divided again where more endpoints match.
func TestStaleWidePublication(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		const endpoints, events = 500, 60 // 30,000 deliveries: two calls, and later more
		f.register(0, endpoints, webhook.Settings{})
		synctest.Wait()
		late, calls := 0, 0
		f.versioned.before = func() {
			if calls++; calls == 2 {
				for range 600 { // the second call's events need two calls now
					f.createElsewhere("acme", "*")
					late++
				}
			}
		}
		list := make([]webhook.Event, events)
		for i := range list {
			list[i] = webhook.Event{Type: "user.created", Data: []byte("1")}
		}
		receipts, err := f.nodes[0].d.Publish(f.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		early := 0
		for i, r := range receipts {
			if r.Err != nil || r.Deliveries != endpoints && r.Deliveries != endpoints+late {
				t.Fatalf("event %d: %+v", i, r)
			}
			if r.Deliveries == endpoints {
				early++
			}
		}
		if early == 0 || early == events || late == 0 {
			t.Errorf("%d of %d events were stored before the change", early, events)
		}
		if want := int64(events*endpoints + (events-early)*late); f.versioned.Pending() != want {
			t.Errorf("%d deliveries are pending, want %d", f.versioned.Pending(), want)
		}
		f.nodes[0].wantPublished()
	})
}

// TestStormOfRegistrations: registrations that change before every single commit do not
// starve a publisher. After three times they are held until its events are stored.
func TestStormOfRegistrations(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		f.versioned.before = func() { f.createElsewhere("acme", "*") }
		const rounds = 20
		f.nodes[0].publish(rounds, 10)
		if f.versioned.stale < holdAfter || f.versioned.stale > holdAfter*rounds {
			t.Errorf("refused %d times in %d rounds", f.versioned.stale, rounds)
		}
		if f.versioned.isHeld() {
			t.Error("registrations are held for ever")
		}
		// A publication of several calls is under one hold.
		list := make([]webhook.Event, 2*maxAcceptKeys/len(f.versioned.changed))
		for i := range list {
			list[i] = webhook.Event{Type: "user.created", Data: []byte("1")}
		}
		if _, err := f.nodes[0].d.Publish(f.Context(), list); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if f.versioned.isHeld() {
			t.Error("registrations are held after a publication of several calls")
		}
		f.versioned.before = nil
		f.nodes[0].wantPublished()
	})
}

// TestStormWithoutHold: where registrations cannot be held the publisher gets the reason, and
// nothing is stored; where a hold does not help it is told to come again.
func TestStormWithoutHold(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		f.register(0, 300, webhook.Settings{})
		f.versioned.before = func() { f.createElsewhere("acme", "*") }
		unavailable := fmt.Errorf("hold: %w", webhook.ErrUnavailable)
		f.links[0].keeps.Store(&unavailable)
		const rounds = 2 * maxStoring / (300 * holdAfter) // would fill what is being stored, if it were not counted back
		for range rounds {
			_, err := f.nodes[0].d.Publish(f.Context(), []webhook.Event{{Type: "a", Data: []byte("1")}})
			wantError(t, err, webhook.ErrUnavailable)
		}
		if f.versioned.stale != rounds*holdAfter || f.versioned.Pending() != 0 {
			t.Errorf("refused %d times in %d rounds, %d deliveries are pending", f.versioned.stale, rounds, f.versioned.Pending())
		}
		f.links[0].keeps.Store(nil)
		f.versioned.lost.Store(true)
		_, err := f.nodes[0].d.Publish(f.Context(), []webhook.Event{{Type: "a", Data: []byte("1")}})
		wantError(t, err, webhook.ErrStale)
		synctest.Wait()
		if f.versioned.held != 0 || f.versioned.stale != rounds*holdAfter+maxStale+1 {
			t.Errorf("%d holds; refused %d times", f.versioned.held, f.versioned.stale)
		}
		f.versioned.before = nil
		f.versioned.lost.Store(false)
		f.nodes[0].publish(1, 10)
		f.nodes[0].wantPublished()
	})
}

// TestChangesCannotBeRead: the publisher gets the reason, and the next one tries again.
func TestChangesCannotBeRead(t *testing.T) {
	inFleet(t, 1, nil, func(f *fleet) {
		const endpoints = 1000
		f.register(0, endpoints, webhook.Settings{})
		synctest.Wait()
		f.createElsewhere("acme", "*")
		unavailable := fmt.Errorf("read changes: %w", webhook.ErrUnavailable)
		f.links[0].fails.Store(&unavailable)
		const rounds = maxStoring/endpoints + 1 // would fill what is being stored, if it were not counted back
		for range rounds {
			_, err := f.nodes[0].d.Publish(f.Context(), []webhook.Event{{Type: "a", Data: []byte("1")}})
			wantError(t, err, webhook.ErrUnavailable)
		}
		f.links[0].fails.Store(nil)
		f.nodes[0].publish(1, 10)
		if got := f.versioned.Pending(); got != endpoints+1 {
			t.Errorf("%d deliveries are pending", got)
		}
		f.nodes[0].wantPublished()
	})
}

// TestRefresh: a change by another node takes effect at the owner without a publication:
// a pause, its end, and a deletion, which cancels what is pending.
func TestRefresh(t *testing.T) {
	inFleet(t, 2, nil, func(f *fleet) {
		n := f.register(0, 1, webhook.Settings{})[0]
		f.own(1, webhook.AllParts())
		refresh := func() {
			for _, r := range f.nodes {
				r.d.Refresh()
			}
			synctest.Wait()
		}
		refresh()
		f.receiver.does(n, answers(200, time.Second))
		first := f.nodes[0].publishOne(n)
		time.Sleep(2 * time.Second)
		f.nodes[0].wantStatus(first, webhook.Delivered, "", 1)

		f.changeElsewhere(n, func(e *webhook.Endpoint) { e.Status = webhook.EndpointPaused })
		refresh()
		second := f.nodes[0].publishOne(n)
		time.Sleep(time.Hour) // the actor has stopped by now
		f.nodes[0].wantStatus(second, webhook.Queued, "", 0)

		f.changeElsewhere(n, func(e *webhook.Endpoint) { e.Status = webhook.EndpointActive })
		refresh()
		time.Sleep(2 * time.Second)
		f.nodes[0].wantStatus(second, webhook.Delivered, "", 1)

		f.changeElsewhere(n, func(e *webhook.Endpoint) { e.Status = webhook.EndpointPaused })
		refresh()
		third := f.nodes[0].publishOne(n)
		f.changeElsewhere(n, func(e *webhook.Endpoint) { e.Delete(time.Now()) })
		refresh()
		f.nodes[0].wantStatus(third, webhook.Cancelled, webhook.ReasonEndpointDeleted, 0)
		if f.running(0) != 0 {
			t.Error("the other node ran an actor")
		}
	})
}

// TestChangesHaveNoSecrets: an actor that another node's change reaches reads the endpoint
// itself, with its secrets, and tries again if that fails.
func TestChangesHaveNoSecrets(t *testing.T) {
	opened := make(chan webhook.Endpoint, 10)
	failing := new(unready)
	inFleet(t, 1, func(_ int, o *Options) {
		failing.Store = o.Store.(storage.Store)
		o.Store = failing
		open := o.Open
		o.Open = func(e webhook.Endpoint, s webhook.Settings) (Target, error) {
			opened <- e
			return open(e, s)
		}
	}, func(f *fleet) {
		n := f.register(0, 1, webhook.Settings{})[0]
		f.own(0, webhook.AllParts())
		f.nodes[0].publishOne(n)
		synctest.Wait()
		<-opened
		f.changeElsewhere(n, func(e *webhook.Endpoint) {
			e.TargetURL, e.Headers = "https://example.com/new", []webhook.CustomHeader{{Name: "X", Value: "secret"}}
		})
		failing.failures[0].Store(2)
		f.nodes[0].d.Refresh()
		time.Sleep(3 * readRetry)
		select {
		case e := <-opened:
			if e.TargetURL != "https://example.com/new" || !slices.Equal(e.Headers, []webhook.CustomHeader{{Name: "X", Value: "secret"}}) {
				t.Errorf("the actor uses %+v", e)
			}
		default:
			t.Error("the actor uses the old endpoint")
		}
	})
}

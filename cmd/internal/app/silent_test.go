package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/receivertest"
)

// silentHosts start to listen at ports from 20000 on, accept connections and say
// nothing, not even in a TLS handshake. An endpoint is registered at each.
func (w *world) silentHosts(count int) *receivertest.Receiver {
	w.t.Helper()
	ln := fasthttputil.NewInmemoryListener()
	s := receivertest.Start(ln)
	s.OnConnect(receivertest.Silence())
	w.t.Cleanup(s.Close)
	for port := uint16(20000); port < 20000+uint16(count); port++ {
		w.receivers[port] = ln
		w.call("POST", "/api/webhooks", fmt.Sprintf(
			`{"client_id":"acme","event_type":"user.created","target_url":"https://127.0.0.1:%d/hook"}`, port), 201)
	}
	return s
}

// TestSilentHosts: 500 hosts that accept connections and never begin TLS do not delay a
// healthy endpoint, nor one that is registered while all of them hang, and hold no more
// than their share of permits.
func TestSilentHosts(t *testing.T) {
	const hosts = 500
	inWorld(t, func(w *world) {
		answer := func(receivertest.Request) receivertest.Reply { return receivertest.Answer(200) }
		old := w.receiver(9001, answer)
		w.register(9001, "")
		silent := w.silentHosts(hosts)
		most := hosts + w.app.descriptors.attempts/4 // a first attempt each, and more from a quarter of the slots
		event := func(healthy *receivertest.Receiver) {
			before := healthy.Count()
			w.publish()
			time.Sleep(10 * time.Millisecond)
			if healthy.Count() != before+1 {
				t.Fatalf("10 ms after an event the healthy endpoint has %d deliveries, want %d", healthy.Count(), before+1)
			}
			if open := silent.Open(); open > most {
				t.Fatalf("the silent hosts hold %d connections, more than %d", open, most)
			}
		}
		for range 20 {
			event(old)
		}
		if open, least := silent.Open(), hosts+w.app.descriptors.attempts/8; open < least {
			t.Fatalf("only %d connections hang, less than %d: the silent hosts do not do their worst", open, least)
		}
		fresh := w.receiver(9002, answer)
		w.register(9002, "")
		for range 20 {
			event(fresh)
		}
	})
}

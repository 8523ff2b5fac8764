package sender

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/actors/sender/receivertest"
	"github.com/corpastro/astrohook/webhook"
)

// script is a DNS with another answer to each question; the last one stays.
type script struct {
	answers []string // addresses with spaces between; "" for none
	asked   int
}

func (s *script) resolve(_ context.Context, _ string) ([]netip.Addr, error) {
	texts := strings.Fields(s.answers[min(s.asked, len(s.answers)-1)])
	s.asked++
	var addrs []netip.Addr
	for _, text := range texts {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	if len(addrs) == 0 {
		return nil, errors.New("no such host")
	}
	return addrs, nil
}

// pinned runs attempts against a name whose answers follow a script. Each attempt
// begins after the cached answer expired, and on a connection of its own.
func pinned(t *testing.T, names *script, register bool, attempts int) (got []webhook.Attempt, dialled []netip.AddrPort, registered error) {
	t.Helper()
	ln := fasthttputil.NewInmemoryListener()
	s := receivertest.Start(ln)
	defer s.Close()
	s.Always(receivertest.Closing(200))
	c := newClient(t, Options{
		Guard: newGuard(t, guard.Options{Interfaces: noInterfaces}), Resolve: names.resolve, Dial: dialTo(ln.Dial, &dialled),
	})
	if register {
		_, registered = c.CheckTarget(t.Context(), "http://name.example/")
		time.Sleep(resolvedAge)
	}
	target := open(t, c, "http://name.example/", webhook.Settings{})
	for range attempts {
		got = append(got, send(target))
		time.Sleep(resolvedAge)
	}
	return got, dialled, registered
}

// TestNamesThatChange: if a name's addresses change between registration, attempt and
// retry, each answer is judged like the first one, and the judged address is dialled.
func TestNamesThatChange(t *testing.T) {
	const (
		public, other = "93.184.216.34", "8.8.8.8"
		good          = "200"
		bad, none     = string(webhook.ReasonBlockedAddress), string(webhook.ReasonDNS)
	)
	for _, c := range []struct {
		name       string
		answers    []string // the first at registration
		registered bool
		outcomes   []string
		dialled    []string
	}{
		{"private after registration", []string{public, "10.0.0.1"}, true, []string{bad, bad}, nil},
		{"loopback, back, and metadata", []string{public, "127.0.0.1", public, "169.254.169.254"}, true, []string{bad, good, bad}, []string{public}},
		{"another public address", []string{public, other, public}, true, []string{good, good}, []string{other, public}},
		{"mixed at registration", []string{public + " 10.0.0.1", public}, false, []string{good}, []string{public}},
		{"mixed later, private last", []string{public, public + " 10.0.0.1"}, true, []string{bad}, nil},
		{"mixed later, private first", []string{public, "10.0.0.1 " + public}, true, []string{bad}, nil},
		{"mixed families", []string{public, public + " ::1"}, true, []string{bad}, nil},
		{"mapped", []string{public, "::ffff:127.0.0.1"}, true, []string{bad}, nil},
		{"NAT64 of a private address", []string{public, "64:ff9b::a00:1"}, true, []string{bad}, nil},
		{"6to4 of a private address", []string{public, "2002:a00:1::"}, true, []string{bad}, nil},
		{"zone", []string{public, "fe80::1%eth0"}, true, []string{bad}, nil},
		{"unspecified", []string{public, "0.0.0.0"}, true, []string{bad}, nil},
		{"gone, then private", []string{public, "", "192.168.0.1"}, true, []string{none, bad}, nil},
		{"unknown at registration, then private", []string{"", "172.16.0.1", public}, true, []string{bad, good}, []string{public}},
		{"the one beyond those dialled", []string{public, "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 10.0.0.1"}, true, []string{bad}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := &script{answers: c.answers}
				attempts, dialled, err := pinned(t, names, true, len(c.outcomes))
				if (err == nil) != c.registered {
					t.Errorf("registration: %v", err)
				}
				for i, want := range c.outcomes {
					a := attempts[i]
					if (want == good) != (a.StatusCode == 200) || want != good && string(a.Failure) != want {
						t.Errorf("attempt %d: got %+v, want %s", i+1, a, want)
					}
				}
				if len(dialled) != len(c.dialled) {
					t.Fatalf("dialled %v, want %v", dialled, c.dialled)
				}
				for i, want := range c.dialled {
					if dialled[i].Addr() != netip.MustParseAddr(want) {
						t.Errorf("dialled %v, want %v", dialled, c.dialled)
					}
				}
				if asked := len(c.outcomes) + 1; names.asked != asked {
					t.Errorf("asked %d times, want %d: an answer that is not judged could be the one used", names.asked, asked)
				}
			})
		})
	}
}

// TestRandomAnswers changes a name's addresses at random with each question, and asks
// the guard about the address of each connection.
func TestRandomAnswers(t *testing.T) {
	pool := []string{
		"93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
		"10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "224.0.0.1", "0.0.0.0",
	}
	const seeds, length = 40, 40
	delivered := 0
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 1))
			answers := make([]string, length)
			for i := range answers {
				for range chance.IntN(4) {
					answers[i] += " " + pool[chance.IntN(len(pool))]
				}
			}
			guard := newGuard(t, guard.Options{Interfaces: noInterfaces})
			attempts, dialled, _ := pinned(t, &script{answers: answers}, false, length)
			for _, to := range dialled {
				if err := guard.Check(to.Addr()); err != nil {
					t.Errorf("seed %d: connected to %v", seed, to)
				}
			}
			for i, a := range attempts {
				want := wantedOf(guard, answers[i])
				if a.Failure != want {
					t.Errorf("seed %d, answer %q: got %+v, want %q", seed, answers[i], a, want)
				}
				if want == webhook.ReasonNone {
					delivered++
				}
			}
		})
	}
	if delivered < seeds {
		t.Fatalf("only %d attempts were let through: the answers are too hostile to show anything", delivered)
	}
}

// wantedOf returns the failure that an answer must cause: one refused address is
// enough.
func wantedOf(g *guard.Guard, answer string) webhook.Reason {
	texts := strings.Fields(answer)
	if len(texts) == 0 {
		return webhook.ReasonDNS
	}
	for _, text := range texts {
		if g.Check(netip.MustParseAddr(text)) != nil {
			return webhook.ReasonBlockedAddress
		}
	}
	return webhook.ReasonNone
}

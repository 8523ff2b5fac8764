package e2e

import (
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestServeNeedsASecret(t *testing.T) {
	s := newServer(t, "ASTROHOOK_JWT_SECRET=")
	s.start(t)
	if code := s.awaitExit(t); code == 0 {
		t.Error("exit code 0 without a secret")
	}
	if !strings.Contains(s.log.String(), "ASTROHOOK_JWT_SECRET") {
		t.Errorf("it does not say what to set:\n%s", s.log.String())
	}
}

func TestServeRefusesADirectoryInUse(t *testing.T) {
	first := startServer(t)
	second := newServer(t)
	second.dataDir = first.dataDir
	second.start(t)
	if code := second.awaitExit(t); code == 0 {
		t.Error("exit code 0 for the second server on one directory")
	}
	if !strings.Contains(second.log.String(), first.dataDir) {
		t.Errorf("it does not name the directory:\n%s", second.log.String())
	}
	first.register(t, "client", fields{"event_type": "*", "target_url": "http://127.0.0.1:1/", "secret": plainSecret})
	if _, err := first.publish("user.created", []byte(`{}`)); err != nil {
		t.Errorf("the first server does not answer any more: %v", err)
	}
}

// holding is a subscriber that holds each request until the test lets it answer.
type holding struct {
	*subscriber
	arrived chan struct{} // gets a value for each delivery
	release chan struct{} // closed to answer them
}

func startHolding(t *testing.T) *holding {
	t.Helper()
	h := &holding{arrived: make(chan struct{}, 1000), release: make(chan struct{})}
	h.subscriber = startSubscriber(t, func(*fasthttp.RequestCtx) {
		h.arrived <- struct{}{}
		<-h.release
	})
	t.Cleanup(h.answer) // before the subscriber stops
	return h
}

func (h *holding) answer() {
	select {
	case <-h.release:
	default:
		close(h.release)
	}
}

// holdOne returns a server with one attempt in flight that gets no answer.
func holdOne(t *testing.T) (*server, *holding, string) {
	t.Helper()
	s, h := startServer(t), startHolding(t)
	endpoint := s.register(t, "client", fields{"event_type": "*", "target_url": h.url("/"), "secret": plainSecret})
	if _, err := s.publish("user.created", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	<-h.arrived
	return s, h, endpoint
}

// awaitStopping waits until the server has noticed that it is to stop.
func (s *server) awaitStopping(t *testing.T) {
	t.Helper()
	await(t, "the server to begin to stop", func() error {
		if err := s.try(http.MethodGet, "/readyz", nil, nil); err == nil {
			return errReady
		}
		return nil
	})
}

func TestTerminationDrains(t *testing.T) {
	s, h, endpoint := holdOne(t)
	s.signal(t, syscall.SIGTERM)
	s.awaitStopping(t)
	if _, err := s.publish("user.created", []byte(`{}`)); err == nil {
		t.Error("an event was accepted while the server stops")
	}
	h.answer()
	if code := s.awaitExit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.start(t)
	s.awaitReady(t)
	s.awaitDrained(t, patience, endpoint)
	all := s.deliveries(t, endpoint)
	if len(all) != 1 || all[0].Status != "delivered" || all[0].Attempts != 1 {
		t.Errorf("in the end: %+v, want one delivery, delivered at its first attempt", all)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	for _, number := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s, h, _ := holdOne(t)
		s.signal(t, number)
		s.awaitStopping(t)
		s.signal(t, number)
		if code := s.awaitExit(t); code != 128+int(number) {
			t.Errorf("%s twice: exit code %d, want %d as shells have it", number, code, 128+int(number))
		}
		select {
		case <-h.release:
			t.Error("the attempt had ended before")
		default:
		}
	}
}

func TestWrongUsageIsTold(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "--no-such-flag"}, "--no-such-flag"},
		{[]string{"serve", "--jwt-secret", "short"}, "ASTROHOOK_JWT_SECRET"},
		{[]string{"serve", "--jwt-secret", jwtSecret, "--secret-keys", secretKey, "--allow-addresses", "10.0.0.0/99"}, "10.0.0.0/99"},
	} {
		out, err := exec.Command(astrohook(t), c.args...).CombinedOutput()
		if code := exitCode(t, err); code != 2 {
			t.Errorf("%v: exit code %d, want 2", c.args, code)
		}
		if !strings.Contains(string(out), c.want) || strings.Count(string(out), "\n") > 3 {
			t.Errorf("%v: want a line that names %s:\n%s", c.args, c.want, out)
		}
	}
}

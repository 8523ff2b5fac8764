package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var registered = regexp.MustCompile(`Registered as (wh_\w+) for`)

// startListen starts a `listen` that registers for a client, and returns the
// webhook's id.
func startListen(t *testing.T, s *server, output *tail) (listen *exec.Cmd, id string) {
	t.Helper()
	listen = exec.Command(s.binary, "listen", "--register", s.base, "--token", s.token, "--client=acme", "--lease=30s")
	listen.Stdout, listen.Stderr = output, output
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listen.Process.Kill() }) // it may have ended
	await(t, "the registration", func() error {
		found := registered.FindStringSubmatch(output.String())
		if found == nil {
			return fmt.Errorf("not in\n%s", output.String())
		}
		id = found[1]
		return nil
	})
	return listen, id
}

// TestListenKilled: a `listen` that is killed cannot deregister. Its webhook is deleted
// when the lease ends, and its pending deliveries are cancelled.
func TestListenKilled(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var output tail
	listen, id := startListen(t, s, &output)
	if err := listen.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = listen.Wait() // it was killed
	if got, err := s.publish("user.created", []byte(`{}`)); err != nil || got.Deliveries != 1 {
		t.Fatalf("publish: %+v, %v", got, err)
	}
	awaitFor(t, 2*patience, "the webhook to go", func() error {
		err := s.try(http.MethodGet, "/api/webhooks/"+id, nil, nil)
		var status *statusError
		if errors.As(err, &status) && status.status == http.StatusNotFound {
			return nil
		}
		return fmt.Errorf("it is still there: %w", err)
	})
	await(t, "its delivery to be cancelled", func() error {
		all := s.deliveries(t, id)
		if len(all) != 1 || all[0].Status != "cancelled" {
			return fmt.Errorf("deliveries %+v", all)
		}
		return nil
	})
}

// TestListenHangUp: a `listen` whose terminal is closed deregisters, as at Ctrl-C.
func TestListenHangUp(t *testing.T) {
	t.Parallel()
	// Under nohup this process ignores SIGHUP, and what it starts would, too. A program that
	// is started gets back the default of what is caught here.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	s := startServer(t)
	for _, number := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
		var output tail
		listen, id := startListen(t, s, &output)
		if err := listen.Process.Signal(number); err != nil {
			t.Fatal(err)
		}
		if err := listen.Wait(); err != nil || !strings.HasSuffix(output.String(), "\nDeregistered "+id+".\n") {
			t.Errorf("%v: %v\n%s", number, err, output.String())
		}
		if err := s.try(http.MethodGet, "/api/webhooks/"+id, nil, nil); err == nil {
			t.Errorf("%v: the webhook is still there", number)
		}
	}
}

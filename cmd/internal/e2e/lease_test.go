package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"testing"
)

var registered = regexp.MustCompile(`Registered as (wh_\w+) for`)

// TestListenKilled: a `listen` that is killed cannot deregister; its webhook goes by
// itself, and what waits for it is cancelled.
func TestListenKilled(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var output tail
	listen := exec.Command(s.binary, "listen", "--register", s.base, "--token", s.token, "--client=acme", "--lease=30s")
	listen.Stdout, listen.Stderr = &output, &output
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	var id string
	await(t, "the registration", func() error {
		found := registered.FindStringSubmatch(output.String())
		if found == nil {
			return fmt.Errorf("not in\n%s", output.String())
		}
		id = found[1]
		return nil
	})
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

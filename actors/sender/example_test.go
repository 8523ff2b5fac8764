package sender_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/corpastro/astrohook/actors/sender"
	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// newDelivery returns the first delivery of an event for an endpoint.
func newDelivery(endpoint webhook.Endpoint) webhook.Due {
	id := webhook.ID{Seq: webhook.SeqAt(time.Date(2025, 5, 17, 10, 30, 0, 0, time.UTC)), Endpoint: endpoint.ID.Endpoint, Nonce: 42}
	return webhook.Due{Delivery: webhook.Delivery{ID: id, EventType: "user.created"}, Data: []byte(`{"name":"Ada"}`)}
}

// A receiver on this machine needs the operator's word, because the guard refuses
// loopback otherwise.
func Example() {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			Type string `json:"event_type"`
		}
		err := json.NewDecoder(r.Body).Decode(&event)
		fmt.Println("received", event.Type, err, "attempt", r.Header.Get(webhook.HeadersFor(webhook.DefaultHeaderPrefix).Attempt))
		_, _ = io.WriteString(w, "thanks")
	}))
	defer receiver.Close()

	g, err := guard.New(guard.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := sender.New(sender.Options{Guard: g})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = client.Close() }()
	endpoint := webhook.Endpoint{
		ID: webhook.ID{Seq: 1 << 40, Endpoint: 7}, TargetURL: receiver.URL,
		Secrets: []signing.Secret{{Value: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
	}
	target, err := client.Open(endpoint, webhook.Settings{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer target.Close()
	attempt := target.Send(newDelivery(endpoint))
	fmt.Println(attempt.StatusCode, string(attempt.Response), attempt.Requests)
	// Output:
	// received user.created <nil> attempt 1
	// 200 thanks 1
}

// Without it, the request does not leave, and registration refuses the target.
func ExampleClient_CheckTarget() {
	g, err := guard.New(guard.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := sender.New(sender.Options{Guard: g})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = client.Close() }()
	for _, url := range []string{"http://93.184.216.34:8080", "http://127.0.0.1/", "http://127.1/"} {
		canonical, err := client.CheckTarget(context.Background(), url)
		fmt.Println(canonical, err)
	}
	// Output:
	// http://93.184.216.34:8080/ <nil>
	//  target_url points to an address that is not allowed: address not allowed
	//  target_url has a numeric host that is not an IP address in its usual form
}

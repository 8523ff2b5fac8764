package e2e

import (
	"net/http"
	"testing"
)

// The key pair of Svix's vector for v1a.
const (
	privateKey = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	publicKey  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
)

// nowhere is a target until the receiver is there.
const nowhere = "http://127.0.0.1:9/"

// TestNodeVerifiesPrivateKeys: Node's crypto accepts what a private key signed, with
// the public key that was given out, or that of the endpoint's key set, before and
// after a rotation; and refuses another endpoint's key.
func TestNodeVerifiesPrivateKeys(t *testing.T) {
	s := startServer(t)
	given := s.register(t, "subscriber", fields{
		"event_type": "content.updated", "target_url": startNode(t, "ed25519.js", publicKey), "secret": privateKey,
	})
	generated := s.register(t, "subscriber", fields{"event_type": "content.updated", "target_url": nowhere, "signature_scheme": "v1a"})
	wrong := s.register(t, "subscriber", fields{
		"event_type": "content.updated", "target_url": nowhere, "signature_scheme": "v1a", "retry_policy": fields{"max_attempts": 1},
	})
	keySet := s.base + "/.well-known/jwks.json?webhook=" + generated
	for _, endpoint := range []string{generated, wrong} {
		s.call(t, http.MethodPatch, "/api/webhooks/"+endpoint, fields{"target_url": startNode(t, "ed25519.js", keySet)}, nil)
	}
	publish := func() {
		for _, data := range []string{`{"a":"ü \u2028","b":[1.50,1e21]}`, `null`, `"x"`} {
			if _, err := s.publish("content.updated", []byte(data)); err != nil {
				t.Fatal(err)
			}
		}
		for _, endpoint := range []string{given, generated, wrong} {
			s.awaitDrained(t, patience, endpoint)
		}
	}
	publish()
	s.call(t, http.MethodPost, "/api/webhooks/"+generated+"/rotate-secret", fields{"overlap_seconds": 0}, nil)
	publish()
	for endpoint, want := range map[string]delivery{
		given: {Status: "delivered", ResponseCode: 204}, generated: {Status: "delivered", ResponseCode: 204}, wrong: {Status: "failed", ResponseCode: 401},
	} {
		all := s.deliveries(t, endpoint)
		for _, d := range all {
			if d.Status != want.Status || d.ResponseCode != want.ResponseCode || d.Attempts != 1 {
				t.Errorf("%+v, want %s with %d", d, want.Status, want.ResponseCode)
			}
		}
		if len(all) != 6 {
			t.Errorf("%d deliveries of 6 events", len(all))
		}
	}
}

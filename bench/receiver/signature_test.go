package receiver

import "testing"

// The values were computed with Python's hmac module.
func TestSignatures(t *testing.T) {
	const secret = "a secret of the bench"
	body := []byte(`{"test": 2432232314}`)
	right := signatures{
		body: "f7a95f70258dd0ff996202b9c1a6237fb8b608d2dc5b64a93987e4bb14c3988b",
		id:   "msg_1", timestamp: "1614265330",
		standard: "v1,4nw9vwbqO88TpoyBwbNvWNO6r5hRibfCaBolX0DbheE=",
	}
	if err := right.verify(secret, body); err != nil {
		t.Errorf("the right signatures: %v", err)
	}
	for name, change := range map[string]func(*signatures){
		"no body signature": func(s *signatures) { s.body = "" },
		"another id":        func(s *signatures) { s.id = "msg_2" },
		"another time":      func(s *signatures) { s.timestamp = "1614265331" },
		"no standard one":   func(s *signatures) { s.standard = "" },
	} {
		wrong := right
		change(&wrong)
		if wrong.verify(secret, body) == nil {
			t.Errorf("%s: verified", name)
		}
	}
	if right.verify("another secret of it", body) == nil {
		t.Error("another secret: verified")
	}
}

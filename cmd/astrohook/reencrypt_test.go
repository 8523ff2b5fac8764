package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestReencrypt: the command continues until nothing remains, or the server refuses.
func TestReencrypt(t *testing.T) {
	remaining := 2500
	api := &publishing{status: 200, answer: func(string) string {
		step := min(remaining, 1000)
		remaining -= step
		return fmt.Sprintf(`{"reencrypted":%d,"remaining":%d}`, step, remaining)
	}}
	server := httptest.NewServer(api)
	defer server.Close()
	got := runCommand(t, "", "reencrypt", "--token=tok", "--server", server.URL)
	if got.code != 0 || !strings.HasSuffix(got.out, "2500 webhooks reencrypted, 0 remain\n") || len(api.bodies) != 3 {
		t.Errorf("%+v after %q", got, api.bodies)
	}
	for _, call := range api.bodies {
		if call != "/api/secret-keys/reencrypt " {
			t.Errorf("called %q", call)
		}
	}
	remaining, api.status = 1, 403
	if got := runCommand(t, "", "reencrypt", "--token=tok", "--server", server.URL); got.code != 1 || !strings.Contains(got.err, "403") {
		t.Errorf("refused: %+v", got)
	}
}

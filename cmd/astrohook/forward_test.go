package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// TestForwardsOf: the target that says most about a type gets it.
func TestForwardsOf(t *testing.T) {
	all, err := parseForwards([]string{
		"user.*=http://prefix/", "http://any/?a=b,c", "user.created=http://exact/", "user.plan.*=http://longer/", "*=http://second/",
	})
	if err != nil {
		t.Fatal(err)
	}
	for eventType, want := range map[string]string{
		"user.created": "http://exact/", "user.deleted": "http://prefix/", "user.plan.changed": "http://longer/", "invoice.paid": "http://any/?a=b,c", "": "http://any/?a=b,c",
	} {
		got := ""
		if target := all.of(eventType); target != nil {
			got = target.String()
		}
		if got != want {
			t.Errorf("%q is passed on to %q, want %q", eventType, got, want)
		}
	}
	if target := forwards(nil).of("user.created"); target != nil {
		t.Error(target)
	}
}

func TestForwardsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"localhost:3000":        `"localhost:3000" is not a URL`,
		"ftp://a/":              `"ftp://a/" is not a URL`,
		"http://":               `"http://" is not a URL`,
		"user.created=":         `"" is not a URL`,
		"user.**=http://a/":     `the event type "user.**"`,
		"=http://a/":            `the event type ""`,
		"user created=http://a": `the event type "user created"`,
	} {
		if got := runCommand(t, "", "listen", "--forward-to", text); got.code != exitUsage || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// TestForward: the target gets the delivery as the server sent it, with signatures that it
// can verify, and its answer is the server's. What is not valid, or refused by --fail, is
// not passed on.
func TestForward(t *testing.T) {
	const body = `{"id":"whd_1","data":{"n":12345678901234567890}}`
	names := webhook.HeadersFor(webhook.DefaultHeaderPrefix)
	verifier := signing.Verifier{Secrets: []string{testSecret}}
	seen := 0
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen++
		got, err := io.ReadAll(r.Body)
		if err != nil || string(got) != body || r.URL.String() != "/hooks?a=b" || r.ContentLength != int64(len(body)) {
			t.Errorf("%s %s with %q, %v", r.Method, r.URL, got, err)
		}
		if _, err := verifier.Verify(r.Header.Get, got, time.Now()); err != nil {
			t.Errorf("the target cannot verify it: %v", err)
		}
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Forwarded") {
				t.Errorf("the target gets %s", name)
			}
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, "not now\x1b[2J")
	}))
	defer target.Close()
	command, url := listening(t, "--secret", testSecret, "--fail", "1", "--forward-to", "user.*="+target.URL+"/hooks?a=b")

	if status := send(t, signed(t, url, testSecret, body)); status != http.StatusServiceUnavailable || seen != 0 {
		t.Errorf("--fail: %d, and the target saw %d", status, seen)
	}
	forged := signed(t, url, "some other secret of a webhook", body)
	if status := send(t, forged); status != http.StatusUnauthorized || seen != 0 {
		t.Errorf("a forged one: %d, and the target saw %d", status, seen)
	}
	other := signed(t, url, testSecret, body)
	other.Header.Set(names.Event, "invoice.paid")
	if status := send(t, other); status != http.StatusNoContent || seen != 0 {
		t.Errorf("another type: %d, and the target saw %d", status, seen)
	}
	for attempt := 1; attempt <= 2; attempt++ { // one that is sent again is passed on again
		response, err := http.DefaultClient.Do(signed(t, url, testSecret, body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "7" || string(answer) != "not now\x1b[2J" || seen != attempt {
			t.Errorf("attempt %d: %d %q, %v, and the target saw %d", attempt, response.StatusCode, answer, err, seen)
		}
		_ = response.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	got := command.stop()
	if n := strings.Count(got.out, "passed on to "+target.URL+"/hooks?a=b: 429 Too Many Requests in "); n != 2 || !strings.Contains(got.out, "answered 429") || got.code != 0 {
		t.Errorf("%d lines about it, exit code %d:\n%s", n, got.code, got.out)
	}
}

// TestForwardToNobody: without an answer the server gets 502, and tries again later.
func TestForwardToNobody(t *testing.T) {
	target := httptest.NewServer(http.NotFoundHandler())
	target.Close()
	command, url := listening(t, "--secret", testSecret, "--forward-to", strings.Replace(target.URL, "//", "//user:password@", 1))
	if status := send(t, signed(t, url, testSecret, "{}")); status != http.StatusBadGateway {
		t.Errorf("status %d", status)
	}
	got := command.stop()
	if !strings.Contains(got.out, ": no answer: dial tcp ") || !strings.Contains(got.out, "answered 502") || strings.Contains(got.out, "password") {
		t.Errorf("%s", got.out)
	}
}

package httpapi

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/corpastro/astrohook/httpapi/auth/authtest"
)

// TestTimesInQueries: RFC 3339 by the letter, with a space where an unescaped +
// stood, or a time ago.
func TestTimesInQueries(t *testing.T) {
	s := newScene(t)
	for text, status := range map[string]int{
		"2020-05-17T10:30:45Z": 200, "2020-05-17t10:30:45.25z": 200, "2020-05-17T10:30:45-07:00": 200, "2020-05-17T10:30:45%2B02:00": 200,
		"2020-05-17T10:30:45+02:00": 200, "2020-05-17T10:30:45.5+23:59": 200, "2016-12-31T23:59:60Z": 200, "2017-01-01T01:59:60+02:00": 200,
		"1h": 200, "7d": 200, "1w2d": 200, "90m": 200, "0.5s": 200,
		"2020-05-17T10:30:45,5Z": 422, "2020-05-17T10:30:60Z": 422, "2020-05-17+10:30:45Z": 422, "2020-05-17T10:30:45++02:00": 422,
		"2020-05-17T10:30:45+24:00": 422, "2020-05-17": 422, "0s": 422, "-1h": 422, "1h+ago": 422, "5": 422, "200000h": 200, "2000000h": 422,
	} {
		for _, path := range []string{"/api/deliveries?since=", "/api/webhooks/" + s.webhook + "/deliveries?status=processing&since="} {
			s.want(t, status, acme, "GET", path+text, "")
		}
	}
	// A body has no escapes in which a + could get lost.
	for text, status := range map[string]int{
		"2020-05-17t10:30:45+02:00": 200, "7d": 200, "2020-05-17T10:30:45 02:00": 422, "2020-05-17T10:30:45,5Z": 422, "2020-05-17T10:30:60Z": 422,
	} {
		s.want(t, status, acme, "POST", "/api/webhooks/"+s.webhook+"/replay", `{"dry_run":true,"since":"`+text+`"}`)
	}
	for text, status := range map[string]int{"2100-05-17t10:30:45+02:00": 201, "2100-06-30T23:59:60Z": 201, "2100-05-17T10:30:45,5Z": 422, "7d": 422} {
		s.want(t, status, admin, "POST", "/api/keys", `{"name":"x","client_id":"a","expires_at":"`+text+`"}`)
	}
}

// TestOffsetsSelect: the sign that became a space is the right one.
func TestOffsetsSelect(t *testing.T) {
	s := newScene(t)
	at := time.Now().Add(-time.Minute).In(time.FixedZone("", 2*3600))
	for text, want := range map[string]int{
		at.Format("2006-01-02T15:04:05") + "+02:00":                    1,
		url.QueryEscape(at.Format(time.RFC3339)):                       1,
		at.Format("2006-01-02T15:04:05") + "-02:00":                    0, // four hours later
		at.Add(2*time.Minute).Format("2006-01-02T15:04:05") + "+02:00": 0,
	} {
		if n := len(s.want(t, 200, acme, "GET", "/api/deliveries?since="+text, "").data(t)); n != want {
			t.Errorf("since=%s: %d deliveries, want %d", text, n, want)
		}
	}
}

// TestRelativePeriod: since=1h is an hour before the first page, for all pages and
// for a replay in parts.
func TestRelativePeriod(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newScene(t)
		s.fixture.tokens[acme] = authtest.Mint(t, "alice", "acme", "", time.Now().Add(24*time.Hour))
		time.Sleep(40 * time.Minute)
		for range 2 {
			s.publishOne(t)
		}
		for query, want := range map[string]int{"since=1h": 3, "since=30m": 2, "until=30m": 1, "since=1h&until=30m": 1, "since=40m": 3, "since=1d": 3} {
			if n := len(s.want(t, 200, acme, "GET", "/api/deliveries?"+query, "").data(t)); n != want {
				t.Errorf("%s: %d deliveries, want %d", query, n, want)
			}
		}
		s.want(t, 422, acme, "GET", "/api/deliveries?since=30m&until=1h", "")
		const list = "/api/deliveries?limit=2&since=1h"
		cursor := s.want(t, 200, acme, "GET", list, "").text(t, "next_cursor")
		if cursor == "" {
			t.Fatal("no second page")
		}
		for _, other := range []string{"2h", "30m", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)} {
			s.want(t, 400, acme, "GET", fmt.Sprintf("/api/deliveries?limit=2&since=%s&cursor=%s", other, cursor), "")
		}
		time.Sleep(30 * time.Minute) // the oldest is more than an hour old by now
		if n := len(s.want(t, 200, acme, "GET", "/api/deliveries?since=1h", "").data(t)); n != 2 {
			t.Errorf("%d deliveries of the last hour, want 2", n)
		}
		if n := len(s.want(t, 200, acme, "GET", list+"&cursor="+cursor, "").data(t)); n != 1 {
			t.Errorf("%d deliveries on the second page, want 1", n)
		}
	})
}

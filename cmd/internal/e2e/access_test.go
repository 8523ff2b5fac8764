package e2e

import (
	"errors"
	"net/http"
	"testing"
)

// status returns the status of a call; 200 stands for any success.
func (a *api) status(t *testing.T, method, path string, in any) int {
	t.Helper()
	err := a.try(method, path, in, nil)
	if refused, ok := errors.AsType[*statusError](err); ok {
		return refused.status
	}
	if err != nil {
		t.Fatal(err)
	}
	return http.StatusOK
}

// TestAccessSurvivesKill makes API keys, revokes one, kills the server at once and
// starts it again: who was let in and who was not has not changed, and a list that
// was begun before continues.
func TestAccessSurvivesKill(t *testing.T) {
	s := startServer(t)
	made := map[string]struct{ ID, Key string }{}
	for _, name := range []string{"kept", "revoked"} {
		var k struct{ ID, Key string }
		s.call(t, http.MethodPost, "/api/keys", fields{"name": name, "scopes": []string{"events:write:all"}}, &k)
		made[name] = k
	}
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	s.call(t, http.MethodGet, "/api/keys?limit=1", nil, &page)
	event := fields{"event_type": "user.created", "data": 1, "idempotency_key": "k"}
	check := func(revoked int) {
		t.Helper()
		for name, want := range map[string]int{"kept": http.StatusOK, "revoked": revoked} {
			caller := api{base: s.base, token: made[name].Key}
			if got := caller.status(t, http.MethodPost, "/api/events", event); got != want {
				t.Errorf("the key that is %s: %d, want %d", name, got, want)
			}
		}
	}
	check(http.StatusOK)
	s.call(t, http.MethodDelete, "/api/keys/"+made["revoked"].ID, nil, nil)
	check(http.StatusUnauthorized)
	s.restart(t)
	check(http.StatusUnauthorized)
	if got := s.status(t, http.MethodGet, "/api/keys?limit=1&cursor="+page.NextCursor, nil); got != http.StatusOK {
		t.Errorf("a cursor from before the kill: %d", got)
	}
	foreign := api{base: s.base, token: mint(t, "", "admin")}
	if got := foreign.status(t, http.MethodGet, "/api/event-types?cursor="+page.NextCursor, nil); got != http.StatusBadRequest {
		t.Errorf("a cursor of another list: %d", got)
	}
}

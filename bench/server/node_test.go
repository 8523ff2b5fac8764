package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// settingOf returns a setting of a server; of several the last one counts.
func settingOf(s *Server, name string) string {
	for _, line := range slices.Backward(s.environment) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}

// The nodes of a cluster share what makes them one, and nothing else.
func TestNodes(t *testing.T) {
	first, err := Prepare("astrohook", t.TempDir(), []string{"ASTROHOOK_DATABASE_URL=postgres://h/d"})
	if err != nil {
		t.Fatal(err)
	}
	first.Stored, first.drop = true, func() error { t.Error("a node removes the database of all"); return nil }
	if err := first.AsNode(); err != nil {
		t.Fatal(err)
	}
	second, err := first.Beside()
	if err != nil {
		t.Fatal(err)
	}
	third, err := second.Beside()
	if err != nil {
		t.Fatal(err)
	}
	all := []*Server{first, second, third}
	for name, shared := range map[string]bool{
		"ASTROHOOK_DATABASE_URL": true, "ASTROHOOK_JWT_SECRET": true, "ASTROHOOK_SECRET_KEYS": true, "ASTROHOOK_CLUSTER_SECRET": true,
		"ASTROHOOK_LISTEN": false, "ASTROHOOK_ADMIN_LISTEN": false, "ASTROHOOK_CLUSTER_LISTEN": false, "ASTROHOOK_NODE_NAME": false,
	} {
		values := map[string]bool{}
		for _, s := range all {
			values[settingOf(s, name)] = true
		}
		if want := map[bool]int{true: 1, false: len(all)}[shared]; len(values) != want || values[""] {
			t.Errorf("%s has the values %v", name, values)
		}
	}
	for _, s := range all[1:] {
		if s.Host() != settingOf(s, "ASTROHOOK_LISTEN") || s.Token != first.Token || !s.Stored || s.Data == first.Data || filepath.Dir(s.Data) != filepath.Dir(first.Data) {
			t.Errorf("%+v beside %+v", s, first)
		}
		if err := s.Close(); err != nil { // never started
			t.Error(err)
		}
	}
	if secret := settingOf(first, "ASTROHOOK_CLUSTER_SECRET"); len(secret) < 32 {
		t.Errorf("the nodes recognise one another by %q", secret)
	}
}

// A cluster is measured only once every node has its share: none is missing, nothing is free,
// and nobody has more than the others.
func TestAwaitShares(t *testing.T) {
	list := func(free int, nodes ...int) string {
		var data []string
		for _, n := range nodes {
			data = append(data, fmt.Sprintf(`{"parts":%d}`, n))
		}
		return fmt.Sprintf(`{"data":[%s],"free_parts":%d}`, strings.Join(data, ","), free)
	}
	answers := []string{list(256), list(0, 256), list(0, 256, 0, 0), list(0, 90, 80, 86), list(1, 85, 85, 85), list(0, 86, 85, 85)}
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/nodes" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		fmt.Fprint(w, answers[min(int(asked.Add(1)), len(answers))-1])
	}))
	defer s.Close()
	if err := (API{Base: s.URL}).AwaitShares(t.Context(), 3); err != nil || asked.Load() != int64(len(answers)) {
		t.Errorf("%v after %d of %d answers", err, asked.Load(), len(answers))
	}
	ending, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := (API{Base: s.URL}).AwaitShares(ending, 4); err == nil {
		t.Error("a node that is missing is not missed")
	}
	s.Close()
	if err := (API{Base: s.URL}).AwaitShares(t.Context(), 3); err == nil {
		t.Error("a server that is gone has shared its parts")
	}
}

package pgstore

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/webhook"
)

// with returns a URL with one part of it changed.
func with(t *testing.T, text string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

// TestOpenRefuses: each database that cannot be used is refused with a line that says what
// is wrong, and no line has the password.
func TestOpenRefuses(t *testing.T) {
	good := database(t)
	newer := database(t)
	openTest(t, newer)
	exec(t, newer, `UPDATE meta SET value = '99'`)
	foreign := database(t)
	exec(t, foreign, `CREATE TABLE meta (id int)`)
	other := database(t)
	exec(t, other, `CREATE TABLE event (id int)`)
	for reason, c := range map[string]struct {
		o    Options
		want string
		is   error
	}{
		"no URL":                {Options{}, "URL is empty", nil},
		"not a URL":             {Options{URL: "postgres://a:" + pgtest.Password + "@[b/c"}, "database-url is not a URL", nil},
		"short retention":       {Options{URL: good, Retention: 1}, "Retention is shorter", nil},
		"nobody listens":        {Options{URL: with(t, good, func(u *url.URL) { u.Host = "127.0.0.1:1" })}, "connection refused", webhook.ErrUnavailable},
		"wrong password":        {Options{URL: with(t, good, func(u *url.URL) { u.User = url.UserPassword(pgtest.User, pgtest.Password+"x") })}, "password authentication failed", nil},
		"no such database":      {Options{URL: with(t, good, func(u *url.URL) { u.Path = "/missing" })}, `"missing" does not exist`, nil},
		"a lone primary":        {Options{URL: good}, "no synchronous standby", nil},
		"a clock that is ahead": {Options{URL: good, LonePrimary: true, clock: func() time.Time { return time.Now().Add(time.Hour) }}, "the clock of this machine is 59m59", nil},
		"a clock that is late":  {Options{URL: good, LonePrimary: true, clock: func() time.Time { return time.Now().Add(-time.Minute) }}, "the clock of this machine is 1m", nil},
		"a newer schema":        {Options{URL: newer, LonePrimary: true}, "needs a program of version 99", schema.ErrNewer},
		"another program's":     {Options{URL: foreign, LonePrimary: true}, "tables of another program", schema.ErrForeign},
		"another one's, too":    {Options{URL: other, LonePrimary: true}, "tables of another program", schema.ErrForeign},
	} {
		s, err := Open(t.Context(), c.o)
		if err == nil {
			t.Errorf("%s: it is opened", reason)
			_ = s.Close()
			continue
		}
		if !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", reason, err)
		}
		if strings.Contains(err.Error(), pgtest.Password) {
			t.Errorf("%s: the error has the password: %v", reason, err)
		}
	}
}

// TestSessions: sessions carry the incarnation and its settings.
func TestSessions(t *testing.T) {
	s := openTest(t, "")
	var name, plans, seqscan string
	err := s.writes.QueryRow(t.Context(), `SELECT current_setting('application_name'), current_setting('plan_cache_mode'), current_setting('enable_seqscan')`).
		Scan(&name, &plans, &seqscan)
	if err != nil {
		t.Fatal(err)
	}
	if name != session.Application(s.incarnation) || plans != "force_generic_plan" || seqscan != "off" {
		t.Errorf("%q, %q, %q", name, plans, seqscan)
	}
}

// TestManyOpenAtOnce: stores that open an empty database together make its tables once.
func TestManyOpenAtOnce(t *testing.T) {
	url := database(t)
	errs := make(chan error)
	const many = 6
	for range many {
		go func() {
			s, err := Open(t.Context(), Options{URL: url, LonePrimary: true})
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range many {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

package session

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// answer is a database that answers a query with its time, or an error.
type answer struct {
	now time.Time
	err error
}

func (a answer) QueryRow(context.Context, string, ...any) pgx.Row { return a }

func (a answer) Scan(into ...any) error {
	*into[0].(*int), *into[2].(*time.Time), *into[5].(*string) = 160002, a.now, "UTF8"
	return a.err
}

// TestExamineClocks: the clocks differ by what the time that the answer took does not
// explain.
func TestExamineClocks(t *testing.T) {
	before := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	const took = 200 * time.Millisecond
	for _, c := range []struct{ off, want time.Duration }{
		{-time.Hour, -time.Hour}, {-1, -1}, {0, 0}, {took / 2, 0}, {took, 0}, {took + 1, 1}, {took + 6*time.Second, 6 * time.Second},
	} {
		calls := 0
		clock := func() time.Time { calls++; return before.Add(time.Duration(calls-1) * took) }
		s, err := Examine(t.Context(), answer{now: before.Add(c.off)}, clock)
		if err != nil || s.Ahead != c.want || s.Latency != took || s.Version != 160002 || s.Encoding != "UTF8" {
			t.Errorf("off by %v: %+v, %v; want %v", c.off, s, err, c.want)
		}
	}
	failed := errors.New("no answer")
	if _, err := Examine(t.Context(), answer{err: failed}, time.Now); !errors.Is(err, failed) {
		t.Error(err)
	}
}

// TestExamine asks a real primary that nothing is special about.
func TestExamine(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), serverURL(t, ""))
	must(t, err)
	defer func() { must(t, conn.Close(context.Background())) }()
	s, err := Examine(t.Context(), conn, time.Now)
	must(t, err, s.Refusal(true))
	if s.Version < 150000 || s.Recovers || s.Waits || s.Citus || s.Encoding != "UTF8" || s.Latency <= 0 {
		t.Errorf("%+v", s)
	}
	if s.Refusal(false) == nil {
		t.Error("a primary without standby is accepted where one is needed")
	}
}

// TestRefusal: a database that cannot be used is refused with what there is to do.
func TestRefusal(t *testing.T) {
	good := Server{Version: 150000, Waits: true, Encoding: "UTF8"}
	for _, c := range []struct {
		change func(s *Server)
		lone   bool
		want   string // in the error; "" if it is accepted
	}{
		{func(*Server) {}, false, ""},
		{func(s *Server) { s.Waits = false }, true, ""},
		{func(s *Server) { s.Waits = false }, false, "require-standby=false"},
		{func(s *Server) { s.Version = 149999 }, true, "PostgreSQL 14, and 15 is the oldest"},
		{func(s *Server) { s.Version = 180001 }, false, ""},
		{func(s *Server) { s.Recovers = true }, true, "must name the primary"},
		{func(s *Server) { s.Encoding = "SQL_ASCII" }, true, "the encoding SQL_ASCII"},
		{func(s *Server) { s.Encoding = "" }, true, "must have UTF8"},
		{func(s *Server) { s.Ahead = MaxClockDifference }, false, ""},
		{func(s *Server) { s.Ahead = -MaxClockDifference }, false, ""},
		{func(s *Server) { s.Ahead = MaxClockDifference + 400*time.Microsecond }, false, "is 5s off"},
		{func(s *Server) { s.Ahead = -7 * time.Second }, false, "is 7s off the database's, and may be off by 5s"},
		// What cannot be mended by a setting is said first.
		{func(s *Server) { s.Version, s.Waits, s.Recovers = 130004, false, true }, false, "PostgreSQL 13"},
	} {
		s := good
		c.change(&s)
		err := s.Refusal(c.lone)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", s, err, c.want)
		}
	}
}

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/storage/pgstore/session"
)

// IsURL reports whether a text has the form of a database's URL. It may lack what the
// environment has, such as PGPASSWORD.
func IsURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && u.Opaque == ""
}

// Describe returns what may be shown of a database's URL: hosts and the name of the
// database, without user, password and parameters.
func Describe(text string) string {
	u, err := url.Parse(text)
	if err != nil || !IsURL(text) {
		return "a database"
	}
	return u.Host + "/" + strings.TrimPrefix(u.Path, "/")
}

// Report is what a database looks like to a program that would use it.
type Report struct {
	Server  string        // version of PostgreSQL, "15.4"
	Schema  int           // version of the tables; 0 without any
	Needed  int           // the version that this program makes
	Standby bool          // commits wait for a standby
	Ahead   time.Duration // by how much its clock is certainly ahead of this machine's
	Latency time.Duration // of one question
	// Refused is why Open would refuse it; nil if it would not.
	Refused error
}

// Examine looks at a database as Open does, and changes nothing. The error is that of the
// connection; what the database lacks is in the report. Neither has a credential.
func Examine(ctx context.Context, o Options) (r Report, err error) {
	if o, err = o.withDefaults(); err != nil {
		return r, err
	}
	config, err := session.Parse(o.URL, newIncarnation())
	if err != nil {
		return r, err
	}
	if r.Refused = session.RefusePooler(ctx, config.ConnConfig); r.Refused != nil {
		if errors.Is(r.Refused, session.ErrPooler) {
			return r, nil // nothing that is prepared would work
		}
		return r, session.Translate(ctx, r.Refused)
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return r, session.Translate(ctx, err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if _, err := session.Examine(ctx, conn, o.clock); err != nil { // prepares the question
		return r, session.Translate(ctx, err)
	}
	s, err := session.Examine(ctx, conn, o.clock)
	if err != nil {
		return r, session.Translate(ctx, err)
	}
	tables, err := schema.Read(ctx, conn)
	if err != nil {
		return r, session.Translate(ctx, err)
	}
	r = Report{
		Server: fmt.Sprintf("%d.%d", s.Version/10000, s.Version%10000), Schema: tables.Version, Needed: schema.Version,
		Standby: s.Waits, Ahead: s.Ahead, Latency: s.Latency, Refused: s.Refusal(o.LonePrimary),
	}
	if r.Refused == nil && tables.Least > schema.Version {
		r.Refused = tables.Err()
	}
	if r.Refused == nil {
		r.Refused = refuseRestoring(ctx, conn, tables)
	}
	return r, nil
}

// refuseRestoring returns why a database that a restore has not finished cannot be used.
func refuseRestoring(ctx context.Context, conn *pgx.Conn, tables schema.State) error {
	if tables.Version == 0 {
		return nil
	}
	return refuseUnfinished(ctx, conn)
}

// Migrate brings the tables of a database to the version that this program needs, and
// returns the version before and after; 0 before for a database without tables.
func Migrate(ctx context.Context, url string) (before, after int, err error) {
	config, err := session.Parse(url, newIncarnation())
	if err != nil {
		return 0, 0, err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return 0, 0, session.Translate(ctx, err)
	}
	was, err := schema.Migrate(ctx, conn, time.Now())
	err = errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	return was.Version, max(schema.Version, was.Version), session.Translate(ctx, err)
}

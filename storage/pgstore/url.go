package pgstore

import (
	"context"
	"errors"
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

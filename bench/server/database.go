package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Database is a PostgreSQL server that runs already, in which each measured server gets a
// database of its own. It needs psql, and a user who may make databases.
type Database struct{ url *url.URL }

// psqlTimeout bounds a call of psql: the last one removes gigabytes.
const psqlTimeout = 2 * time.Minute

// ParseDatabase reads postgres://user:password@host:port/database. Nothing is kept in that
// database itself. An error shows nothing of the text, which has a password.
func ParseDatabase(text string) (*Database, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return nil, errors.New("not of the form postgres://user:password@host:port/database")
	}
	return &Database{u}, nil
}

// Use makes the server keep everything in a new database, which Close removes.
func (d *Database) Use(ctx context.Context, s *Server) error {
	name := "astrohook_bench_" + strings.ToLower(rand.Text()[:10])
	// A lone primary is what most machines have for a measurement. One with a standby is
	// measured with what the standby costs.
	standbys, err := d.run(ctx, "SHOW synchronous_standby_names")
	if err != nil {
		return err
	}
	if _, err := d.run(ctx, "CREATE DATABASE "+name); err != nil {
		return err
	}
	s.drop = func() error {
		_, err := d.run(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		return err
	}
	s.Stored = true
	fresh := *d.url
	fresh.Path = "/" + name
	s.environment = append(s.environment, "ASTROHOOK_DATABASE_URL="+fresh.String(), "ASTROHOOK_REQUIRE_STANDBY="+strconv.FormatBool(standbys != ""))
	return nil
}

// run runs a statement, and returns what it prints. Everything secret goes through the
// environment.
func (d *Database) run(ctx context.Context, sql string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, psqlTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command="+sql)
	password, _ := d.url.User.Password()
	cmd.Env = append(os.Environ(), "PGHOST="+d.url.Hostname(), "PGPORT="+d.url.Port(), "PGUSER="+d.url.User.Username(),
		"PGPASSWORD="+password, "PGDATABASE="+strings.Trim(d.url.Path, "/"), "PGCONNECT_TIMEOUT=5")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, bytes.TrimSpace(out))
	}
	return string(bytes.TrimSpace(out)), nil
}

// Package pgstore is the storage.Backend on PostgreSQL, for one node or many: the tables
// of package schema with the records of package record, and storage.Shared, by which nodes
// share one database. Each method of the interfaces is here; DESIGN.md describes
// tables, writes, reads and what becomes of them when the database fails.
//
// Writes of the hot path (Accept, Settle, SaveGate) go through one groupcommit.Committer
// and one connection, as one pipelined transaction for each group. Changes that somebody
// waits for take a transaction of their own. Every transaction that writes counts itself
// first in a row of the table fence, so that a node which the cluster has fenced off
// stores nothing more, and so that a node whose connection broke during a commit finds out
// whether the commit happened.
//
// SQL stays inside what PostgreSQL 15 to 18, Citus, YugabyteDB and CockroachDB document:
// no statement joins two data tables, and each data table has its distribution column in
// its primary key.
//
// What a record's bytes mean belongs to package record; encryption, to package sealed;
// who is alive and who should own what, to the nodes.
package pgstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/storage/pgstore/schema"
	"github.com/corpastro/astrohook/storage/pgstore/session"
	"github.com/corpastro/astrohook/storage/pgstore/tables"
	"github.com/corpastro/astrohook/webhook"
)

// DefaultRetention is how long finished deliveries stay when Options do not say.
const DefaultRetention = 30 * 24 * time.Hour

// Sizes of the pools. With the committer's own connection a node has seven.
const (
	readConnections  = 4
	writeConnections = 2 // one change and one heartbeat at a time
)

// Options are where the data is and how it is kept.
type Options struct {
	// URL of the database, postgres://user:password@host:port/name. It never appears in an
	// error or in the log.
	URL string
	// Cluster is what the nodes of one cluster have in common and those of another do not,
	// such as a hash of a secret. A database belongs to the first that joins it.
	Cluster string
	// LonePrimary accepts a database without synchronous standby: the storage below it
	// replicates, or losing that one machine may lose data.
	LonePrimary bool
	// Retention is how long a delivery stays after it finished; 0 for DefaultRetention. At
	// least one second.
	Retention time.Duration
	// Log receives what an operator should know; nil for none.
	Log *slog.Logger
	// Committed is called for each group of writes that is stored, with the time that it
	// took, repetitions included, before anybody hears of it. It must not block. Nil for none.
	Committed func(took time.Duration)
	// Now dates and expires records, for tests; nil for time.Now.
	Now func() time.Time
	// clock is compared with the database's; nil for time.Now.
	clock func() time.Time
}

// withDefaults returns the options that Open uses, or what is wrong with them.
func (o Options) withDefaults() (Options, error) {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Committed == nil {
		o.Committed = func(time.Duration) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.clock == nil {
		o.clock = time.Now
	}
	switch {
	case o.URL == "":
		return o, &webhook.FieldError{Field: "URL", Reason: "is empty"}
	case o.Retention < time.Second:
		return o, &webhook.FieldError{Field: "Retention", Reason: "is shorter than one second"}
	}
	return o, nil
}

// Store is a storage.Backend on PostgreSQL. Open makes it.
type Store struct {
	options     Options
	incarnation storage.Incarnation // of this run; its sessions carry it
	config      *pgxpool.Config
	settings    map[string]string // of every session
	reads       *pgxpool.Pool
	writes      *pgxpool.Pool // changes and heartbeats
	life        *life
	slots       [slots]slot
	changing    chan struct{} // holds one element while a change runs, which has slots[slotChanges]
	unsure      []tables.Move // of the change whose outcome is not known
	reaper      reaper
	committer   *groupcommit.Committer[*job]
	writer      *writer
	counts      *counts
	heads       *tables.Heads
	finder      tables.Finder
	epochsMu    sync.Mutex
	epochs      [webhook.PartCount]uint64 // of the parts, as the last heartbeat had them
	bodies      *storage.BodyBudget
	stop        context.CancelFunc // ends the count
	background  sync.WaitGroup
}

// Open opens the store in a database, whose tables it makes or migrates as needed. It fails
// if the database cannot be reached or has no room, if a pooler in transaction mode stands
// in between, if a newer version of the program has migrated it, if it lacks a synchronous
// standby that Options require, or if the clocks differ by more than five seconds.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open storage: %w", err)
	}
	s := newStore(o)
	if err := s.start(ctx); err != nil {
		_ = s.Close() // whatever it says has the same cause
		return nil, fmt.Errorf("open the storage of database-url: %w", session.Translate(ctx, err))
	}
	return s, nil
}

// newStore returns a store that is not connected.
func newStore(o Options) *Store {
	s := &Store{
		options: o, incarnation: newIncarnation(), life: newLife(), changing: make(chan struct{}, 1),
		counts: newCounts(), heads: tables.NewHeads(o.Now), finder: tables.NewFinder(o.Now, o.Retention), bodies: storage.NewBodyBudget(), stop: func() {},
	}
	s.writer = newWriter(s)
	s.committer = groupcommit.New(groupcommit.Options[*job]{
		Commit: s.commit, Closed: errClosed, Patience: patience, Overdue: session.Unavailable(errOverdue),
	})
	return s
}

// newIncarnation returns a random number that is positive as an int8 of the database.
func newIncarnation() storage.Incarnation {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails
	return storage.Incarnation(binary.BigEndian.Uint64(raw[:])>>1 | 1)
}

// start connects, migrates and checks.
func (s *Store) start(ctx context.Context) (err error) {
	if s.config, err = session.Parse(s.options.URL, s.incarnation); err != nil {
		return err
	}
	if err := session.RefusePooler(ctx, s.config.ConnConfig); err != nil {
		return err
	}
	s.settings = session.Settings(false)
	if s.writes, err = session.NewPool(ctx, s.config, s.settings, writeConnections, true); err != nil {
		return err
	}
	if err := s.examine(ctx); err != nil {
		return err
	}
	if _, err := schema.Migrate(ctx, s.writes, s.options.Now()); err != nil {
		return err
	}
	if err := refuseUnfinished(ctx, s.writes); err != nil {
		return err
	}
	if s.reads, err = session.NewPool(ctx, s.config, s.settings, readConnections, false); err != nil {
		return err
	}
	if err := s.createSlots(ctx); err != nil {
		return err
	}
	if err := s.resume(ctx); err != nil {
		return err
	}
	if err := s.finishParts(ctx); err != nil {
		return err
	}
	s.startCounting()
	return nil
}

// startCounting begins to count, and waits for a moment until everything is counted.
func (s *Store) startCounting() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	counted := make(chan struct{})
	s.background.Go(func() { s.keepCounting(ctx, counted) })
	select {
	case <-counted:
	case <-time.After(countPatience):
	}
}

// examine refuses a database that cannot keep what the store promises.
func (s *Store) examine(ctx context.Context) error {
	d, err := session.Examine(ctx, s.writes, s.options.clock)
	if err != nil {
		return err
	}
	if d.Citus {
		s.settings = session.Settings(true)
		s.writes.Reset()
	}
	return d.Refusal(s.options.LonePrimary)
}

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

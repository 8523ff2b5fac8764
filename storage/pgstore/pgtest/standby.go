package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Standby starts a copy of the server that follows it, and makes each of its commits wait
// until the copy has them on disk (synchronous_commit=on). It returns once the copy is
// synchronous. The caller closes both.
func (s *Server) Standby(ctx context.Context) (*Server, error) {
	return s.StandbyAt(ctx, Place{Host: s.options.Host, Namespace: s.options.Namespace})
}

// StandbyAt is Standby with the copy at a place of its own.
func (s *Server) StandbyAt(ctx context.Context, at Place) (*Server, error) {
	o := s.options
	o.Place = at
	copied, err := newServer(o)
	if err != nil {
		return nil, err
	}
	if err := copied.follow(ctx, s); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	return copied, nil
}

// Follow makes a server that has ended the synchronous standby of another one, as Standby
// does, from a copy of that one's data: a primary that was killed may have written what
// its successor does not know. Its address stays.
func (s *Server) Follow(ctx context.Context, primary *Server) error {
	if err := s.Kill(); err != nil {
		return err
	}
	if err := os.RemoveAll(s.data()); err != nil {
		return fmt.Errorf("remove the data of a former primary: %w", err)
	}
	return s.follow(ctx, primary)
}

// follow copies the primary's data into an empty directory, starts the server, and returns
// once it is synchronous.
func (s *Server) follow(ctx context.Context, primary *Server) error {
	if err := s.copyOf(ctx, primary); err != nil {
		return err
	}
	if err := s.Restart(ctx); err != nil {
		return err
	}
	if err := primary.RequireStandby(ctx, true); err != nil {
		return err
	}
	return primary.awaitSynchronous(ctx)
}

// copyOf copies the data of a running primary, and follows it from then on.
func (s *Server) copyOf(ctx context.Context, primary *Server) error {
	err := s.run(ctx, "pg_basebackup", "--pgdata="+s.data(), "--write-recovery-conf", "--wal-method=stream",
		"--checkpoint=fast", "--no-sync", "--dbname="+primary.URL("postgres"))
	if err != nil {
		return err
	}
	return s.configure(s.options.Settings)
}

// RequireStandby says whether commits of the server wait for a standby.
func (s *Server) RequireStandby(ctx context.Context, required bool) error {
	names := ""
	if required {
		names = "*"
	}
	if err := s.Exec(ctx, "ALTER SYSTEM SET synchronous_standby_names = '"+names+"'"); err != nil {
		return fmt.Errorf("set synchronous_standby_names: %w", err)
	}
	return s.Exec(ctx, "SELECT pg_reload_conf()")
}

// awaitSynchronous returns once a standby is synchronous. The query fails until then.
func (s *Server) awaitSynchronous(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := s.Exec(ctx, "SELECT 1 / count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no standby becomes synchronous: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Promote makes a standby a primary, which waits for no standby, and returns once it
// takes writes.
func (s *Server) Promote(ctx context.Context) error {
	if err := s.Exec(ctx, "SELECT pg_promote(true, 60)"); err != nil {
		return fmt.Errorf("promote: %w", err)
	}
	return nil
}

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Standby starts a copy of the server that follows it, and makes each of its commits wait
// until the copy has them on disk (synchronous_commit=on). It returns once the copy is
// synchronous. The caller closes both.
func (s *Server) Standby(ctx context.Context) (*Server, error) {
	copied, err := newServer(s.options)
	if err != nil {
		return nil, err
	}
	if err := copied.copyOf(ctx, s); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	if err := copied.Restart(ctx); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	if err := s.RequireStandby(ctx, true); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	if err := s.awaitSynchronous(ctx); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	return copied, nil
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

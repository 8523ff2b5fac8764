package app

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/corpastro/astrohook/httpapi"
)

// servers runs the API on its listeners.
type servers struct {
	api           *httpapi.Server
	public, admin net.Listener
	ended         sync.WaitGroup // of the two goroutines that accept
}

// start serves in the background. It calls fail if a server ends without a stop.
func (s *servers) start(fail func(error)) {
	serve := func(ln net.Listener, run func(net.Listener) error) {
		s.ended.Go(func() {
			if err := run(ln); err != nil {
				fail(err)
			}
		})
	}
	serve(s.public, s.api.Serve)
	serve(s.admin, s.api.ServeAdmin)
}

// stop refuses new requests, and waits for those in progress for half of the time that
// ctx has left. The other half is for the attempts in flight.
func (s *servers) stop(ctx context.Context) error {
	half, cancel := halfOfTimeLeft(ctx)
	defer cancel()
	err := s.api.Shutdown(half)
	// A server that was stopped before it accepted does not know its listener yet. The
	// other listeners are closed already, and return an error.
	_ = errors.Join(s.public.Close(), s.admin.Close())
	s.ended.Wait()
	return err
}

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
	ended         sync.WaitGroup
}

// start serves in the background, and tells fail of an end that nobody asked for.
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

// stop takes no new requests, and waits for those under way in half of the time
// that ctx has left: the other half is for the attempts in flight.
func (s *servers) stop(ctx context.Context) error {
	half, cancel := firstHalf(ctx)
	defer cancel()
	err := s.api.Shutdown(half)
	// A server that was stopped before it came to accept does not know its
	// listener. The others are closed already, and say so.
	_ = errors.Join(s.public.Close(), s.admin.Close())
	s.ended.Wait()
	return err
}

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/corpastro/astrohook/bench/event"
	"github.com/corpastro/astrohook/bench/loadgen"
	"github.com/corpastro/astrohook/bench/receiver"
	"github.com/corpastro/astrohook/bench/report"
	"github.com/corpastro/astrohook/bench/server"
)

// session is a server that a scenario has to itself, with endpoints of the bench.
type session struct {
	b      *bench
	server *server.Server
	// others are the nodes beside the server, if it is the first of a cluster.
	others []*server.Server
	// secret signs the deliveries to all endpoints of the session.
	secret string
	// refusing is the address of the scenario's endpoints that refuse connections at
	// first; "" if it has none.
	refusing string

	mu sync.Mutex
	// registered are the ids of the endpoints that are needed later.
	registered []string
}

// open starts a server for a scenario, or takes the one that runs already, and
// registers the scenario's endpoints.
func (b *bench) open(ctx context.Context, s scenario) (_ *session, err error) {
	v := &session{b: b, server: b.against, secret: rand.Text()}
	if s.Refusing { // before the endpoints are registered: they need the address
		if v.refusing, err = b.control.Refuse(ctx); err != nil {
			return nil, err
		}
	}
	if v.server == nil {
		if v.server, err = server.Prepare(b.binary, b.data, s.Environment); err != nil {
			return nil, err
		}
		if b.stored {
			if err := b.database.Use(ctx, v.server); err != nil {
				return nil, errors.Join(err, v.server.Close())
			}
		}
		if err := v.start(ctx, s); err != nil {
			return nil, errors.Join(err, v.closeNodes(), v.server.Close())
		}
	}
	if err := v.registerAll(ctx, s); err != nil {
		return nil, errors.Join(err, v.close(ctx))
	}
	return v, nil
}

// start starts the server, and the nodes beside it.
func (v *session) start(ctx context.Context, s scenario) error {
	if s.Nodes == 0 {
		return v.server.Start(ctx)
	}
	if err := v.server.AsNode(); err != nil {
		return err
	}
	if err := v.server.Start(ctx); err != nil {
		return err
	}
	return v.startNodes(ctx, s)
}

// accept makes the endpoints that have refused connections so far accept them.
func (v *session) accept(ctx context.Context) error {
	return v.b.control.Accept(ctx)
}

// close stops the server that the bench started. From a server of others it removes the
// endpoints, even when the context has ended: nobody else would.
func (v *session) close(ctx context.Context) error {
	if v.server == v.b.against {
		return v.forAll(context.WithoutCancel(ctx), v.server.Delete)
	}
	return errors.Join(v.closeNodes(), v.server.Close())
}

// target returns where a generator sends the scenario's events.
func (v *session) target(s scenario) target {
	t := target{
		shape:     loadgen.Shape{Host: v.server.Host(), Path: "/api/events", Token: v.server.Token},
		addresses: []string{v.server.Host()}, secret: v.secret, server: v.server, others: v.others,
	}
	for _, other := range v.others {
		if !s.OneWay {
			t.addresses = append(t.addresses, other.Host())
		}
	}
	if s.Batch > 1 {
		t.shape.Path = "/api/events/batch"
	}
	return t
}

// registerAll registers the scenario's endpoints. The number at the end of an endpoint's URL
// is what the receiver compares with the endpoint for which an event is meant.
func (v *session) registerAll(ctx context.Context, s scenario) error {
	v.b.progress.step(s, fmt.Sprintf("registering %s endpoints", report.FormatCount(s.Endpoints)))
	host := v.b.deliverTo
	if s.Refusing {
		host = v.refusing
	}
	return v.register(ctx, s, endpoints{to: s.Endpoints, keep: true, describe: func(i int) (string, server.Registration) {
		path := receiver.DeliverPath
		if i < s.BlackHoles {
			path = receiver.BlackHolePath
		}
		at := host
		if s.Hosts {
			at = fmt.Sprintf("h%d.localhost%s", i, host[strings.LastIndexByte(host, ':'):])
		}
		return event.ClientName(i % s.clients()), server.Registration{
			EventType: event.Type, TargetURL: "http://" + at + path + strconv.Itoa(i), Secret: v.secret,
		}
	}})
}

// endpoints are what to register.
type endpoints struct {
	// from is the number of the first endpoint, to that behind the last.
	from, to int
	// describe returns the client and the registration of the endpoint with a number. It is
	// called concurrently.
	describe func(int) (client string, r server.Registration)
	// keep: the ids are needed later.
	keep bool
}

// register registers endpoints, many at a time, and stops at the first error.
func (v *session) register(ctx context.Context, s scenario, e endpoints) error {
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(server.Registrars)
	for i := e.from; i < e.to && groupContext.Err() == nil; i++ {
		group.Go(func() error {
			client, r := e.describe(i)
			id, err := v.server.Register(groupContext, client, r)
			if err == nil && e.keep {
				v.mu.Lock()
				v.registered = append(v.registered, id)
				v.mu.Unlock()
			}
			return err
		})
		if i%1000 == 999 {
			v.b.progress.live(s, report.FormatCount(i+1)+" endpoints registered")
		}
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// forAll calls do for each endpoint of the scenario, many at a time.
func (v *session) forAll(ctx context.Context, do func(ctx context.Context, id string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(server.Registrars)
	for _, id := range v.registered {
		group.Go(func() error { return do(ctx, id) })
	}
	return group.Wait()
}

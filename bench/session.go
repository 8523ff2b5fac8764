package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// session is a server that a scenario has to itself, with endpoints of the bench.
type session struct {
	b      *bench
	server *server
	secret string
	// door is the address of the endpoints behind the door, if the scenario has one.
	door string

	mu         sync.Mutex
	registered []string
}

// open starts a server for a scenario, or takes the one that runs already, and
// registers the scenario's endpoints.
func (b *bench) open(ctx context.Context, s scenario) (_ *session, err error) {
	v := &session{b: b, server: b.against, secret: rand.Text()}
	if s.Door {
		if err := b.control.call(ctx, http.MethodPost, "/control/door", nil, &v.door); err != nil {
			return nil, err
		}
	}
	if v.server == nil {
		if v.server, err = prepareServer(b.binary, b.data, s.Environment); err != nil {
			return nil, err
		}
		if err := v.server.start(ctx); err != nil {
			return nil, errors.Join(err, v.server.close())
		}
	}
	if err := v.registerAll(ctx, s); err != nil {
		return nil, errors.Join(err, v.close(ctx))
	}
	return v, nil
}

// openDoor lets deliveries to the endpoints behind the door arrive.
func (v *session) openDoor(ctx context.Context) error {
	return v.b.control.call(ctx, http.MethodPost, "/control/door/open", nil, nil)
}

// close stops the server, or removes the endpoints from one that runs on.
func (v *session) close(ctx context.Context) error {
	if v.server == v.b.against {
		return v.forAll(context.WithoutCancel(ctx), v.server.delete)
	}
	return v.server.close()
}

// target is where a generator sends the scenario's events.
func (v *session) target(s scenario) target {
	t := target{
		shape:   requestShape{host: v.server.host(), path: "/api/events", token: v.server.token},
		address: v.server.host(), secret: v.secret, server: v.server,
	}
	if s.Batch > 1 {
		t.shape.path = "/api/events/batch"
	}
	return t
}

// registrars is how many endpoints are registered at a time.
const registrars = 64

// registerAll registers the scenario's endpoints.
func (v *session) registerAll(ctx context.Context, s scenario) error {
	v.b.progress.step(s, fmt.Sprintf("registering %s endpoints", formatCount(s.Endpoints)))
	host := v.b.deliverTo
	if s.Door {
		host = v.door
	}
	return v.register(ctx, s, endpoints{to: s.Endpoints, keep: true, describe: func(i int) (string, registration) {
		path := deliverPath
		if i < s.Holes {
			path = holePath
		}
		at := host
		if s.Hosts {
			at = fmt.Sprintf("h%d.localhost%s", i, host[strings.LastIndexByte(host, ':'):])
		}
		return clientName(i % s.clients()), registration{
			EventType: eventType, TargetURL: "http://" + at + path + strconv.Itoa(i), Secret: v.secret,
		}
	}})
}

// endpoints says what to register.
type endpoints struct {
	// from and to are the numbers of the first one, and behind the last.
	from, to int
	// describe tells a number's client and the rest.
	describe func(int) (client string, r registration)
	// keep: the ids are needed later.
	keep bool
}

// register registers endpoints, many at a time.
func (v *session) register(ctx context.Context, s scenario, e endpoints) error {
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(registrars)
	for i := e.from; i < e.to && groupContext.Err() == nil; i++ {
		group.Go(func() error {
			client, r := e.describe(i)
			id, err := v.server.register(groupContext, client, r)
			if err == nil && e.keep {
				v.mu.Lock()
				v.registered = append(v.registered, id)
				v.mu.Unlock()
			}
			return err
		})
		if i%1000 == 999 {
			v.b.progress.live(s, formatCount(i+1)+" endpoints registered")
		}
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// forAll does something to each endpoint of the scenario, many at a time.
func (v *session) forAll(ctx context.Context, do func(ctx context.Context, id string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(registrars)
	for _, id := range v.registered {
		group.Go(func() error { return do(ctx, id) })
	}
	return group.Wait()
}

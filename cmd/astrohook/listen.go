package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/cli/connection"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/webhook/signing"
)

const (
	// listenHeaderTimeout bounds the wait for a request's headers, so that connections that
	// send nothing do not gather.
	listenHeaderTimeout = 10 * time.Second
	// listenStopTimeout bounds deregistering, and then the requests under way, after an
	// interrupt. Users wait for it at a prompt.
	listenStopTimeout = 5 * time.Second
)

// listenCommand runs a receiver for a look at deliveries. With --register it makes itself
// a webhook, and removes it at the end.
type listenCommand struct {
	// Port 0 by default, so that several receivers can run beside one another.
	Address    string        `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where to listen; port 0 for any that is free."`
	Register   string        `placeholder:"URL" help:"Register with this server now, and deregister at the end."`
	Token      string        `placeholder:"TOKEN" help:"Token to register with; its client owns the registration."`
	Profile    string        `env:"-" complete:"profile" placeholder:"NAME" help:"Register with the server and the token of this profile."`
	Client     string        `placeholder:"ID" help:"Client to register for, with an admin's token."`
	Lease      time.Duration `default:"1m" help:"How long the registration lasts if this command cannot deregister, 30s to 1h; it is renewed as long as the command runs."`
	EventTypes []string      `default:"*" complete:"type" placeholder:"TYPE" help:"Event types to register for; user.* and * are allowed."`
	TargetURL  string        `placeholder:"URL" help:"Target to register, if the server reaches this receiver under another address. Default: the address of this receiver."`
	// sep:"none" because a secret may contain commas, at which lists are split otherwise.
	Secret       []string `sep:"none" placeholder:"SECRET" help:"Secret to verify with; repeat it for several, as while one is being rotated. With --register the first is the webhook's. Default: none, with --register a new one."`
	PublicKey    []string `sep:"none" placeholder:"WHPK" help:"Public key (whpk_…) to verify with, of a webhook that signs with a private one; repeat it for several."`
	HeaderPrefix string   `default:"X-Corp-Astro" help:"Prefix of the names of the delivery's own headers."`
	ForwardTo    []string `env:"-" sep:"none" placeholder:"[TYPE=]URL" help:"Pass valid deliveries on to this URL, unchanged, and answer as it does; with a TYPE, such as user.created or user.*, only those. Repeat it for several."`
	// The rest makes a receiver that is slow or refuses, to see what the server does then.
	Delay      time.Duration `default:"0s" help:"Delay of each answer."`
	Fail       int           `default:"0" placeholder:"N" help:"Refuse the first N deliveries; -1 for all."`
	FailStatus int           `default:"503" help:"Status code to refuse with."`
	Status     int           `default:"204" help:"Status code to accept with."`
}

// Run receives until ctx ends. It listens before it registers, since the first delivery
// may come before the answer to the registration, and deregisters before it stops, so
// that the server sends nothing to a closed port.
func (c *listenCommand) Run(ctx context.Context, std streams) error {
	registration, err := c.prepare(std)
	if err != nil {
		return err
	}
	targets, err := parseForwards(c.ForwardTo)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: c.receiver(ctx, std, targets), ReadHeaderTimeout: listenHeaderTimeout}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	_, _ = fmt.Fprintf(std.Out, "Listening at http://%s/\n", reachable(listener.Addr()))

	err = c.receive(ctx, registration, listener.Addr())
	if err == nil {
		keeping := registration.kept(ctx)
		select {
		case <-ctx.Done():
		case err = <-served:
			served <- err // for the reader at the end, as after an interrupt
		}
		keeping()
	}
	if errEnd := registration.end(); errEnd != nil {
		err = errors.Join(err, errEnd)
	}
	stopCtx, cancel := context.WithTimeout(context.Background(), listenStopTimeout)
	defer cancel()
	errStop := server.Shutdown(stopCtx)
	if errServe := <-served; !errors.Is(errServe, http.ErrServerClosed) {
		errStop = errors.Join(errStop, errServe)
	}
	return errors.Join(err, errStop)
}

// receive registers, if the user asked for it, and prints the webhook's id. The target is
// known only now that the receiver has its port.
func (c *listenCommand) receive(ctx context.Context, r *registration, addr net.Addr) error {
	if r == nil {
		return nil
	}
	r.target = c.TargetURL
	if r.target == "" {
		r.target = "http://" + reachable(addr) + "/"
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	r.say("Registered as %s for %s; Ctrl-C ends and deregisters.\n", r.id, strings.Join(c.EventTypes, ", "))
	return nil
}

// prepare checks the flags and returns the registration; nil without --register. A secret
// is made here if none was given: deliveries are then verified without the user having
// to know it, and it is never printed.
func (c *listenCommand) prepare(std streams) (*registration, error) {
	for _, code := range []int{c.Status, c.FailStatus} {
		if code < 200 || code > 599 { // 1xx are no final answers
			return nil, settings.Misuse(fmt.Sprintf("%d is not a status code from 200 to 599", code))
		}
	}
	if fault := app.AddressFault(c.Address); fault != "" {
		return nil, settings.Misuse("--address " + fault)
	}
	if c.Register == "" && c.Profile == "" {
		return nil, nil //nolint:nilnil // there is none without --register
	}
	if c.Lease < minLease || c.Lease > maxLease {
		return nil, settings.Misuse(fmt.Sprintf("--lease %s is not from %s to %s", c.Lease, minLease, maxLease))
	}
	if c.Lease%time.Second != 0 {
		return nil, settings.Misuse(fmt.Sprintf("--lease %s is no multiple of 1s", c.Lease))
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	if len(c.Secret) == 0 {
		secret, err := signing.DefaultScheme.Generate(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make a secret: %w", err)
		}
		c.Secret = []string{secret}
	}
	// A line that cannot be printed must not end the receiver.
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(std.Out, format+"\n", args...) }
	return &registration{
		client: client, owner: c.Client, secret: c.Secret[0], lease: c.Lease, eventTypes: c.EventTypes, say: say,
	}, nil
}

// client returns a client of the server to register with.
func (c *listenCommand) client() (*apiclient.Client, error) {
	if c.Profile == "" {
		return apiclient.New(c.Register, c.Token)
	}
	return (&connection.Flags{Server: c.Register, Token: c.Token, Profile: c.Profile}).Client()
}

// receiver returns the handler that the flags describe.
func (c *listenCommand) receiver(ctx context.Context, std streams, targets forwards) *receiver {
	return &receiver{
		check: signatureCheck{secrets: c.Secret, publicKeys: c.PublicKey, prefix: c.HeaderPrefix},
		delay: c.Delay, done: ctx.Done(),
		status: c.Status, failStatus: c.FailStatus, fail: c.Fail,
		forwards: targets,
		out:      std.Out,
	}
}

package sender

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
	"github.com/corpastro/astrohook/webhook"
)

// checkBudget bounds how long a registration waits for DNS. It is short because a
// caller of the API waits; each connection resolves the name again.
const checkBudget = 2 * time.Second

// CheckTarget judges a target URL for registration, and returns the form in which
// it is to be stored. It fails with a *webhook.FieldError, which is also a
// webhook.ErrBlockedAddress if the guard refused the target. A public name that
// does not resolve now is accepted, because the guard checks each connection.
func (c *Client) CheckTarget(ctx context.Context, raw string) (canonical string, err error) {
	target, err := guard.ParseTarget(raw)
	switch {
	case errors.Is(err, guard.ErrUserInfo):
		return "", wrongTarget("has user information: credentials belong into headers.Authorization")
	case err != nil:
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, checkBudget)
	defer cancel()
	_, err = c.admit(ctx, target)
	// A local name that does not resolve gets the same answer as one that does:
	// registering must not be a way to find out which hosts exist inside.
	refused := errors.Is(err, webhook.ErrBlockedAddress) || err != nil && target.Local()
	if err != nil {
		c.notices.unregistered(target, err, refused)
	}
	switch {
	case errors.Is(err, guard.ErrBlockedPort):
		return "", blockedTarget("has a port that is not allowed")
	case refused:
		return "", blockedTarget("points to an address that is not allowed")
	}
	return target.Canonical, nil
}

// blockedTarget returns the error of a registration whose target the guard refused.
// It is the same for all addresses and names.
func blockedTarget(reason string) error {
	return fmt.Errorf("%w: %w", wrongTarget(reason), webhook.ErrBlockedAddress)
}

// wrongTarget returns the error of a registration whose target URL is refused.
func wrongTarget(reason string) error {
	return &webhook.FieldError{Field: "target_url", Reason: reason}
}

// admit returns the addresses that a target may be reached at, at least one; none
// for a name that the proxy resolves. It fails with webhook.ErrBlockedAddress,
// errUnresolved, or ctx's error. It is called for each registration and for each
// new connection, so that a reload of the guard takes effect at once.
func (c *Client) admit(ctx context.Context, t guard.TargetURL) ([]netip.Addr, error) {
	if c.proxy != nil {
		return c.guard.Load().AdmitUnresolved(t)
	}
	return c.guard.Load().Admit(ctx, t, c.resolver.resolve)
}

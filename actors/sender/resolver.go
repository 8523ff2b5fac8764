package sender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Bounds of name resolution.
const (
	// resolveBudget is how long a name may take to resolve, within an attempt's time.
	resolveBudget = 5 * time.Second
	// resolvedAge and unresolvedAge are how long an answer, or its absence, is kept.
	resolvedAge   = 30 * time.Second
	unresolvedAge = time.Second
	// resolvedNames bounds how many names are kept.
	resolvedNames = 10_000
	// maxAnswers bounds the addresses that one name may have.
	maxAnswers = 64
)

// errUnresolved is the class of an unresolvedError.
var errUnresolved = errors.New("host name does not resolve")

// unresolvedError hides what a resolver said: its details would tell a client
// about the network that the server stands in. They are for the operator's log.
type unresolvedError struct{ cause error }

func (*unresolvedError) Error() string { return errUnresolved.Error() }

func (*unresolvedError) Is(target error) bool { return target == errUnresolved }

// resolver finds the addresses of names, and remembers them for a short while.
type resolver struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	cache  *lru.Cache[string, answer]
}

// answer is what a name resolved to, or why it did not.
type answer struct {
	addrs   []netip.Addr
	failure error
	until   time.Time
}

func newResolver(lookup func(context.Context, string) ([]netip.Addr, error)) (*resolver, error) {
	cache, err := lru.New[string, answer](resolvedNames)
	if err != nil {
		return nil, err
	}
	if lookup == nil {
		lookup = lookupDNS
	}
	return &resolver{lookup: lookup, cache: cache}, nil
}

// lookupDNS asks the system's name servers, and the hosts file, with Go's own
// resolver.
func lookupDNS(ctx context.Context, host string) ([]netip.Addr, error) {
	r := net.Resolver{PreferGo: true}
	if strings.Contains(host, ".") {
		host += "." // keeps the system's search list out
	}
	return r.LookupNetIP(ctx, "ip", host)
}

// resolve gives all addresses of a name, at least one. The error is ctx's own
// if that ended first, and otherwise errUnresolved.
func (r *resolver) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	now := time.Now()
	if known, ok := r.cache.Get(host); ok && now.Before(known.until) {
		return known.addrs, known.failure
	}
	budget, cancel := context.WithTimeout(ctx, resolveBudget)
	defer cancel()
	addrs, err := r.lookup(budget, host)
	if ctx.Err() != nil {
		return nil, ctx.Err() // says nothing about the name
	}
	switch {
	case err != nil:
	case len(addrs) == 0:
		err = errors.New("it has no addresses")
	case len(addrs) > maxAnswers:
		err = fmt.Errorf("it has %d addresses, more than %d", len(addrs), maxAnswers)
	}
	found := answer{addrs: addrs, until: time.Now().Add(resolvedAge)}
	if err != nil {
		found = answer{failure: &unresolvedError{err}, until: time.Now().Add(unresolvedAge)}
	}
	r.cache.Add(host, found)
	return found.addrs, found.failure
}

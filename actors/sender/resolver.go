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
	// resolveBudget bounds one lookup, within the time of the attempt.
	resolveBudget = 5 * time.Second
	// resolvedAge and unresolvedAge are how long an answer, or a failure, is used
	// again. They are short, because the TTL of the answer is not known here.
	resolvedAge   = 30 * time.Second
	unresolvedAge = time.Second
	// resolvedNames bounds the names in the cache.
	resolvedNames = 10_000
	// maxAnswers bounds the addresses of a name. Names with more do not resolve: the
	// guard checks all of them each time.
	maxAnswers = 64
)

// errUnresolved is the class of an unresolvedError.
var errUnresolved = errors.New("host name does not resolve")

// unresolvedError hides a resolver's error, which names servers of the network that
// this one stands in. The cause is for the operator's log only.
type unresolvedError struct{ cause error }

func (*unresolvedError) Error() string { return errUnresolved.Error() }

func (*unresolvedError) Is(target error) bool { return target == errUnresolved }

// resolver looks up names, and uses each answer for a short while. It is safe for
// concurrent use.
type resolver struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	cache  *lru.Cache[string, answer]
}

// answer is what a name resolved to, or why it did not resolve.
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

// lookupDNS asks the hosts file and the system's name servers with Go's own resolver,
// because the system's would block a thread for each lookup.
func lookupDNS(ctx context.Context, host string) ([]netip.Addr, error) {
	r := net.Resolver{PreferGo: true}
	if strings.Contains(host, ".") {
		host += "." // absolute: the system's search list must not apply
	}
	return r.LookupNetIP(ctx, "ip", host)
}

// resolve returns all addresses of a name, at least one. Its error is that of ctx if
// ctx ended first, and otherwise an errUnresolved.
func (r *resolver) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	now := time.Now()
	if known, ok := r.cache.Get(host); ok && now.Before(known.until) {
		return known.addrs, known.failure
	}
	budget, cancel := context.WithTimeout(ctx, resolveBudget)
	defer cancel()
	addrs, err := r.lookup(budget, host)
	if ctx.Err() != nil {
		return nil, ctx.Err() // it says nothing about the name, so it is not cached
	}
	found := newAnswer(addrs, err)
	r.cache.Add(host, found)
	return found.addrs, found.failure
}

// newAnswer returns the cache's entry for the result of a lookup.
func newAnswer(addrs []netip.Addr, err error) answer {
	switch {
	case err != nil:
	case len(addrs) == 0:
		err = errors.New("it has no addresses")
	case len(addrs) > maxAnswers:
		err = fmt.Errorf("it has %d addresses, more than %d", len(addrs), maxAnswers)
	default:
		return answer{addrs: addrs, until: time.Now().Add(resolvedAge)}
	}
	return answer{failure: &unresolvedError{err}, until: time.Now().Add(unresolvedAge)}
}

// interleave returns the addresses with the families taking turns. The preferred
// family is first; 0 stands for that of the first address, which the resolver
// ordered. Within a family the order stays.
func interleave(addrs []netip.Addr, preferred int32) []netip.Addr {
	var first, second []netip.Addr
	for _, addr := range addrs {
		if familyOf(addr) == preferred || preferred == 0 && familyOf(addr) == familyOf(addrs[0]) {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}
	mixed := make([]netip.Addr, 0, len(addrs))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			mixed = append(mixed, first[i])
		}
		if i < len(second) {
			mixed = append(mixed, second[i])
		}
	}
	return mixed
}

// familyOf returns 4 or 6.
func familyOf(addr netip.Addr) int32 {
	if addr.Unmap().Is4() {
		return 4
	}
	return 6
}

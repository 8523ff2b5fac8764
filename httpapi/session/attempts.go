package session

import (
	"net"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Bounds of failed attempts to sign in. The secrets cannot be guessed; the bounds keep
// attempts from costing much. Only failures count, so nobody who signs in notices them.
const (
	failuresPerMinute    = 1000 // of all addresses
	failuresOfAddress    = 20   // a minute, of one
	rememberedAddresses  = 4096
	networkBits6         = 64 // one subscriber has at least such a network
	retryAfterTooManyFor = time.Minute
)

// attempts bounds how often somebody may fail to sign in, for each address and for all. It
// remembers the addresses that failed last. It is safe for concurrent use.
type attempts struct {
	mu  sync.Mutex
	all *rate.Limiter
	of  *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newAttempts() *attempts {
	of, err := lru.New[netip.Prefix, *rate.Limiter](rememberedAddresses)
	if err != nil {
		panic(err) // the size is positive
	}
	return &attempts{all: perMinute(failuresPerMinute), of: of}
}

func perMinute(n int) *rate.Limiter {
	return rate.NewLimiter(rate.Every(time.Minute/time.Duration(n)), n)
}

// allowed reports whether the caller at this address may try at the time now.
func (a *attempts) allowed(from net.Addr, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all.TokensAt(now) < 1 {
		return false
	}
	l, known := a.of.Get(network(from))
	return !known || l.TokensAt(now) >= 1
}

// failed notes that an attempt has failed.
func (a *attempts) failed(from net.Addr, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all.AllowN(now, 1)
	l, known := a.of.Get(network(from))
	if !known {
		l = perMinute(failuresOfAddress)
		a.of.Add(network(from), l)
	}
	l.AllowN(now, 1)
}

// network returns what counts as one address; the zero prefix for one that is none.
func network(from net.Addr) netip.Prefix {
	at, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return netip.Prefix{}
	}
	addr := at.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = networkBits6
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// keySetAge is the time between two readings of a set. A key that the issuer has
	// withdrawn is accepted for keySetAge and keySetGap at most.
	keySetAge = 5 * time.Minute
	// keySetGap is the least time between two readings. Anybody can send tokens that
	// name unknown keys, and must not be able to flood the issuer through this server.
	keySetGap = time.Minute
	// maxKeySet bounds a set's document, in bytes.
	maxKeySet = 256 << 10
	// keySetWait bounds the time that a request waits for a reading: an issuer that
	// does not answer must not hold up the callers.
	keySetWait = time.Second
	// readingRetryAfter is what a caller is asked to wait while a reading takes longer
	// than keySetWait.
	readingRetryAfter = 5 * time.Second
)

// KeySetOptions are what a KeySet is made of. All except Log are needed.
type KeySetOptions struct {
	// URL is where the issuer publishes its JWK Set (RFC 7517).
	URL string
	// Fetch returns the document at a URL. It fails if the document has limit bytes or
	// more, and it must return in bounded time.
	Fetch func(ctx context.Context, url string, limit int) ([]byte, error)
	// Log takes a line when the keys change, and when reading them begins to fail.
	Log *slog.Logger
}

// KeySet holds a token issuer's public keys, which the issuer publishes at a URL. Run
// reads them every five minutes, in the background; a token that names an unknown
// key has them read at once, but at most once a minute. A reading that fails changes
// nothing: the last good keys stay in force, and a token whose key may be among those
// that could not be read is refused for a time, not for good. It is safe for
// concurrent use.
type KeySet struct {
	KeySetOptions
	keys atomic.Pointer[setKeys]

	mu      sync.Mutex
	next    time.Time     // the earliest time of the next reading
	reading chan struct{} // closed when the present reading ends; nil if there is none
	failing bool          // the last reading failed
	known   bool          // a reading has succeeded
	good    time.Time     // time of the last reading that succeeded, or of NewKeySet
}

// setKeys is one state of the set. It is never changed, but replaced, so that the
// token cache can compare pointers.
type setKeys struct {
	keys []Key
	hash [sha256.Size]byte // of the document
}

// NewKeySet returns a set that has no keys yet.
func NewKeySet(o KeySetOptions) *KeySet {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &KeySet{KeySetOptions: o, good: time.Now()}
	s.keys.Store(&setKeys{})
	return s
}

// Run keeps the set up to date until ctx ends. It returns after the end of the
// present reading, also if a request has started that.
func (s *KeySet) Run(ctx context.Context) {
	for {
		if reading := s.begin(ctx); reading != nil {
			<-reading
		}
		timer := time.NewTimer(s.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			s.mu.Lock()
			reading := s.reading
			s.mu.Unlock()
			if reading != nil {
				<-reading
			}
			return
		case <-timer.C:
		}
	}
}

// pause returns the time until the next reading: after a failure, the shortest.
func (s *KeySet) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		return keySetGap
	}
	return keySetAge
}

// refresh has the set read, unless that happened within the last keySetGap, and waits
// for the reading: for keySetWait at most, and until ctx ends.
func (s *KeySet) refresh(ctx context.Context) {
	reading := s.begin(ctx)
	if reading == nil {
		return
	}
	timer := time.NewTimer(keySetWait)
	defer timer.Stop()
	select {
	case <-reading:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// begin starts a reading, which ctx ends, and returns it, or the one that has started
// before and has not ended. It returns nil if the last reading is too recent.
func (s *KeySet) begin(ctx context.Context) (reading <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.reading != nil {
		return s.reading
	}
	if now.Before(s.next) {
		return nil
	}
	s.reading, s.next = make(chan struct{}), now.Add(keySetGap)
	go func() { s.end(ctx, s.read(ctx)) }()
	return s.reading
}

// unsure reports whether the issuer may have keys that are not known here: the set
// was never read, or the last reading failed, or one has not ended. later is the wait
// after which the caller should try again.
func (s *KeySet) unsure() (later time.Duration, unsure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading != nil {
		return readingRetryAfter, true
	}
	return max(time.Until(s.next), time.Second), s.failing || !s.known
}

// everRead reports whether a reading has succeeded since the start.
func (s *KeySet) everRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// end ends a reading: it wakes the callers that wait for it, and logs a change from
// success to failure or back, so that a long outage costs two lines.
func (s *KeySet) end(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.reading)
	s.reading = nil
	switch n := len(s.keys.Load().keys); {
	case err != nil && !s.failing:
		s.Log.LogAttrs(ctx, slog.LevelWarn, "token keys were not read; those known stay in force", slog.Int("keys", n), slog.Any("error", err))
	case err == nil && s.failing:
		s.Log.LogAttrs(ctx, slog.LevelInfo, "token keys are read again", slog.Int("keys", n))
	}
	s.failing = err != nil
	if err == nil {
		s.good, s.known = time.Now(), true
	}
}

// age returns the time since the last reading that succeeded, or since NewKeySet.
func (s *KeySet) age() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.good)
}

// register registers the set's age as a metric, since a set that grows old means that
// withdrawn keys stay in force.
func (s *KeySet) register(r prometheus.Registerer) error {
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "astrohook_token_keys_age_seconds",
		Help: "Time since the token issuer's keys were last read; under 360 while that works.",
	}, func() float64 { return s.age().Seconds() })
	if err := r.Register(age); err != nil {
		return fmt.Errorf("register metrics of the key set: %w", err)
	}
	return nil
}

// read fetches the document and, if it has changed, replaces the keys.
func (s *KeySet) read(ctx context.Context) error {
	text, err := s.Fetch(ctx, s.URL, maxKeySet)
	if err != nil {
		return err
	}
	now := &setKeys{hash: documentHash(text)}
	if now.hash == s.keys.Load().hash {
		return nil
	}
	if now.keys, err = parseKeySet(text); err != nil {
		return err
	}
	s.keys.Store(now)
	s.Log.LogAttrs(ctx, slog.LevelInfo, "token keys have changed", slog.Int("keys", len(now.keys)))
	return nil
}

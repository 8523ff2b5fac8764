package httpapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// keySetAge is how old a set of keys gets before it is read anew, keySetGap
	// included: so long a key that was withdrawn holds at most.
	keySetAge = 5 * time.Minute
	// keySetGap is what lies between two readings at least, whatever tokens come.
	keySetGap = time.Minute
	// maxKeySet bounds a set in bytes, maxSetKeys its keys.
	maxKeySet = 256 << 10
	// keySetWait is how long a request waits for a reading: an issuer that does not
	// answer must not hold up those who call.
	keySetWait = time.Second
	maxSetKeys = 100
)

// KeySetOptions are what a KeySet is made of. All but Log are needed.
type KeySetOptions struct {
	// URL is where the issuer publishes its JWK Set (RFC 7517).
	URL string
	// Fetch reads the document at a URL, of fewer than limit bytes, within a time of its own.
	Fetch func(ctx context.Context, url string, limit int) ([]byte, error)
	Log   *slog.Logger
}

// KeySet is a token issuer's public keys, at a URL. It is read anew every five
// minutes, and at most once a minute when a token names a key that it does not
// have. What was read last holds until there is something better. Run keeps it
// up to date, in the background: a token whose key may be in a set that cannot be
// read now is refused for a time, not for good. It is safe for concurrent use.
type KeySet struct {
	KeySetOptions
	keys atomic.Pointer[setKeys]

	mu      sync.Mutex
	next    time.Time     // before it nothing is read
	reading chan struct{} // closed when the reading under way has ended; nil if there is none
	failing bool
	known   bool      // it was read once
	good    time.Time // when the set was last read, or made
}

// setKeys is a state of the set; it is never written to.
type setKeys struct {
	keys []Key
	hash [sha256.Size]byte // of the document
}

// NewKeySet makes a set that has no keys yet.
func NewKeySet(o KeySetOptions) *KeySet {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &KeySet{KeySetOptions: o, good: time.Now()}
	s.keys.Store(&setKeys{})
	return s
}

// Run keeps the set up to date until ctx ends. It returns when no reading is under
// way any more, one that a request began included.
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

// pause tells how long to wait for the next reading.
func (s *KeySet) pause() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		return keySetGap
	}
	return keySetAge
}

// refresh has the set read, unless it was read within the last minute, and waits for
// that, or for a reading under way: for keySetWait at most, or until ctx ends.
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

// begin starts a reading, which ctx ends, and returns the one under way; nil if the
// last one is too recent.
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

// unsure reports whether the set may have keys that are not known here: it was
// never read, or not the last time, or is being read. later is when it is worth
// asking again.
func (s *KeySet) unsure() (later time.Duration, unsure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading != nil {
		return defaultRetryAfter, true
	}
	return max(time.Until(s.next), time.Second), s.failing || !s.known
}

// everRead reports whether the set was read once.
func (s *KeySet) everRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// end tells those who wait, and logs what has changed.
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

// age is how long ago the set was last read, or made if it never was.
func (s *KeySet) age() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.good)
}

// register makes the set's age a metric.
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

// read takes the document's keys over.
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

var errNoKeys = errors.New("no key in it is a public one for RS256, ES256 or EdDSA signatures")

// parseKeySet reads the keys of a JWK Set that can be used. Others, which are for
// other purposes or algorithms, are passed over (RFC 7517, section 5), but a set
// with none that can be used is an error.
func parseKeySet(text []byte) ([]Key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("not a JWK Set: %w", err)
	}
	if len(set.Keys) > maxSetKeys {
		return nil, fmt.Errorf("the JWK Set has %d keys, more than %d", len(set.Keys), maxSetKeys)
	}
	var keys []Key
	for _, raw := range set.Keys {
		if key, ok := parseJWK(raw); ok {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// parseJWK reads a public key for signatures. Its algorithm is the one that keys
// of its kind have here, and what "alg" says if that is there.
func parseJWK(raw []byte) (Key, bool) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return Key{}, false
	}
	if m.USE != "" && m.USE != jwkset.UseSig || len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify) {
		return Key{}, false
	}
	m.X5U = "" // points to yet another document, which nobody needs
	public, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return Key{}, false
	}
	alg, err := algorithm(public.Key())
	if err != nil || m.ALG != "" && string(m.ALG) != alg {
		return Key{}, false
	}
	return Key{id: m.KID, alg: alg, key: public.Key()}, true
}

package resource

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// maxBundle bounds a file with certificates, in bytes. The server takes 16 KiB.
const maxBundle = 1 << 20

// webhookSettings are the flags of what a webhook may have of its own. What is not given is
// nil: a new webhook has the server's default then, and another one keeps what it has. None
// of them is a setting of the program, so that no variable can change every webhook.
type webhookSettings struct {
	Description *string        `env:"-" placeholder:"TEXT" help:"What the webhook is for."`
	Lease       *time.Duration `env:"-" placeholder:"DURATION" help:"Delete the webhook after this time, 30s to 1h, unless the lease is renewed."`
	Header      []string       `env:"-" sep:"none" placeholder:"NAME:VALUE" help:"Header that every delivery has, such as Authorization; repeat it for several. Without a value the header is removed."`
	CABundle    string         `env:"-" name:"ca-bundle" placeholder:"FILE" help:"Certificates in PEM form that the receiver's certificate must lead to."`

	Timeout         *time.Duration `env:"-" placeholder:"DURATION" help:"Time for one attempt."`
	Concurrency     *int           `env:"-" placeholder:"N" help:"Attempts in flight at the same time."`
	Rate            *float64       `env:"-" placeholder:"NUMBER" help:"Attempts per second."`
	Burst           *int           `env:"-" placeholder:"N" help:"Attempts that may start at once under a rate."`
	MaxAttempts     *int           `env:"-" placeholder:"N" help:"Attempts of a delivery before it fails."`
	RetryInitial    *time.Duration `env:"-" placeholder:"DURATION" help:"Wait before the first retry."`
	RetryMultiplier *float64       `env:"-" placeholder:"NUMBER" help:"Factor from each wait to the next."`
	RetryMax        *time.Duration `env:"-" placeholder:"DURATION" help:"Longest wait between attempts."`
	RetryJitter     *float64       `env:"-" placeholder:"NUMBER" help:"Largest random addition to a wait, as a part of it, 0 to 1."`
	BreakerFailures *int           `env:"-" placeholder:"N" help:"Failures in a row that open the circuit breaker."`
	BreakerOpen     *time.Duration `env:"-" placeholder:"DURATION" help:"How long the circuit breaker stays open the first time."`
	BreakerMax      *time.Duration `env:"-" placeholder:"DURATION" help:"Longest time that the circuit breaker stays open."`
}

// resettable are the members that --reset sets back, by the name that the flag takes.
var resettable = map[string]string{
	"description": "description", "lease": "lease_seconds", "headers": "headers", "ca-bundle": "ca_bundle",
	"timeout": "timeout_ms", "concurrency": "concurrency", "rate": "rate_limit", "retry": "retry_policy", "breaker": "circuit_breaker",
}

// members returns the members of the API that the flags set, and no others.
func (s *webhookSettings) members(std terminal.Streams) (map[string]any, error) {
	members := map[string]any{}
	put(members, "description", s.Description)
	put(members, "concurrency", s.Concurrency)
	rate := map[string]any{}
	put(rate, "per_second", s.Rate)
	put(rate, "burst", s.Burst)
	retry := map[string]any{}
	put(retry, "max_attempts", s.MaxAttempts)
	put(retry, "multiplier", s.RetryMultiplier)
	put(retry, "jitter", s.RetryJitter)
	breaker := map[string]any{}
	put(breaker, "failures", s.BreakerFailures)
	if err := putTimes(
		timeFlag{members, "lease_seconds", "--lease", s.Lease, time.Second},
		timeFlag{members, "timeout_ms", "--timeout", s.Timeout, time.Millisecond},
		timeFlag{retry, "initial_delay_ms", "--retry-initial", s.RetryInitial, time.Millisecond},
		timeFlag{retry, "max_delay_ms", "--retry-max", s.RetryMax, time.Millisecond},
		timeFlag{breaker, "open_ms", "--breaker-open", s.BreakerOpen, time.Millisecond},
		timeFlag{breaker, "max_open_ms", "--breaker-max", s.BreakerMax, time.Millisecond},
	); err != nil {
		return nil, err
	}
	headers, err := s.headers()
	if err != nil {
		return nil, err
	}
	for name, group := range map[string]map[string]any{"rate_limit": rate, "retry_policy": retry, "circuit_breaker": breaker, "headers": headers} {
		if len(group) > 0 {
			members[name] = group
		}
	}
	if s.CABundle != "" {
		bundle, err := readFile(s.CABundle, std, maxBundle)
		if err != nil {
			return nil, fmt.Errorf("read the CA bundle: %w", err)
		}
		members["ca_bundle"] = bundle
	}
	return members, nil
}

// headers returns the webhook's own headers; a value of nil removes one.
func (s *webhookSettings) headers() (map[string]any, error) {
	headers := map[string]any{}
	for _, header := range s.Header {
		name, value, found := strings.Cut(header, ":")
		if !found || name == "" {
			// The text may be a secret that was pasted in a wrong place, and is not shown.
			return nil, settings.Misuse("--header is not of the form NAME:VALUE")
		}
		headers[name] = strings.TrimSpace(value)
		if strings.TrimSpace(value) == "" {
			headers[name] = nil
		}
	}
	return headers, nil
}

// reset adds the members that are set back to the server's default.
func reset(members map[string]any, names []string) error {
	for _, name := range names {
		member, known := resettable[name]
		if !known {
			known := make([]string, 0, len(resettable))
			for each := range resettable {
				known = append(known, each)
			}
			slices.Sort(known)
			return settings.Misuse(fmt.Sprintf("--reset %s is none of %s", name, strings.Join(known, ", ")))
		}
		if _, both := members[member]; both {
			return settings.Misuse(fmt.Sprintf("--reset %s, and a value for it", name))
		}
		members[member] = nil
	}
	return nil
}

// put adds a member unless it was not given.
func put[T any](members map[string]any, name string, value *T) {
	if value != nil {
		members[name] = *value
	}
}

// timeFlag is a duration that the API takes as a whole number of units.
type timeFlag struct {
	members      map[string]any
	member, flag string
	value        *time.Duration // nil if it was not given
	unit         time.Duration  // time.Second or time.Millisecond
}

// putTimes adds the members of the durations that were given. A fraction of a unit is refused:
// the API cannot take it, and without it 500ms would be 0s, which has a meaning of its own.
func putTimes(flags ...timeFlag) error {
	for _, f := range flags {
		if f.value == nil {
			continue
		}
		if *f.value%f.unit != 0 {
			return settings.Misuse(fmt.Sprintf("%s %s is no multiple of %s", f.flag, *f.value, f.unit))
		}
		f.members[f.member] = int64(*f.value / f.unit)
	}
	return nil
}

// Package inspect looks at a running server and at its machine from outside: whether it is
// ready, what it is doing, and what keeps it, or a delivery, from working.
//
// The questions and how their answers read belong here. What a server measures of itself
// belongs to its metrics, and the rules about targets to actors/sender/guard.
package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
)

const (
	// probeTimeout bounds one question to a server.
	probeTimeout = 10 * time.Second
	// maxProbe bounds an answer, in bytes. Metrics of a thousand series are 100 KiB.
	maxProbe = 8 << 20
)

// prober asks questions that need no token. It follows no redirects: the answer of another
// server is none.
type prober struct{ http *http.Client }

// newProber returns a prober. The caller closes its idle connections.
func newProber() prober {
	return prober{&http.Client{
		Timeout: probeTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what a server said.
type answer struct {
	body []byte
	took time.Duration // until its head
	date time.Time     // the server's clock; zero if it did not say
}

// get asks for a URL. An answer other than 200 is an error with the server's reason.
func (p prober) get(ctx context.Context, address string) (a answer, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return a, fmt.Errorf("make the request: %w", err)
	}
	begin := time.Now()
	response, err := p.http.Do(request)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // without the URL, which the reader knows
		}
		return a, err
	}
	defer func() { _ = response.Body.Close() }()
	a.took = time.Since(begin)
	a.date, _ = http.ParseTime(response.Header.Get("Date")) // zero if it says none
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, maxProbe)); err != nil {
		return a, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return a, apiclient.Refusal(response.StatusCode, a.body)
	}
	return a, nil
}

// version asks a server for its version, at a path that answers as long as the process runs.
func (p prober) version(ctx context.Context, server string) (string, answer, error) {
	a, err := p.get(ctx, server+"/healthz")
	if err != nil {
		return "", a, err
	}
	var health struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(a.body, &health); err != nil || health.Status != "ok" {
		return "", a, errors.New("what answers is no Astrohook server")
	}
	return health.Version, a, nil
}

// skew compares the clocks.
func (d *Doctor) skew(ctx context.Context, p prober, server string, add report) {
	a, err := p.get(ctx, server+"/healthz")
	if err != nil || a.date.IsZero() {
		add("server's clock", skipped, "the server does not say the time")
		return
	}
	skew := time.Since(a.date).Abs().Round(time.Second)
	if skew > mostSkew {
		add("server's clock", warning, fmt.Sprintf("differs from this machine's by %s", skew))
		return
	}
	add("server's clock", ok, "agrees with this machine's")
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
	"github.com/corpastro/astrohook/webhook"
)

// forward is where deliveries of some event types are passed on to.
type forward struct {
	pattern string // as in a webhook; "*" for every type
	target  *url.URL
}

// forwards are the targets of --forward-to. For a type that several patterns match, an exact
// name wins, then the longer pattern, then the one that stands first.
type forwards []forward

// parseForwards reads [TYPE=]URL, each. A TYPE has no colon and no slash, which distinguishes it from
// the beginning of a URL with an equals sign.
func parseForwards(texts []string) (forwards, error) {
	var all forwards
	for _, text := range texts {
		f, address := forward{pattern: "*"}, text
		if before, after, found := strings.Cut(text, "="); found && !strings.ContainsAny(before, ":/?") {
			f.pattern, address = before, after
		}
		if err := webhook.ValidatePattern(f.pattern); err != nil {
			return nil, settings.Misuse(fmt.Sprintf("--forward-to %q: the event type %q %v", text, f.pattern, err))
		}
		target, err := url.Parse(address)
		if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Hostname() == "" {
			return nil, settings.Misuse(fmt.Sprintf("--forward-to %q: %q is not a URL such as http://127.0.0.1:3000/hooks", text, address))
		}
		f.target = target
		all = append(all, f)
	}
	return all, nil
}

// of returns the target for an event type; nil if there is none.
func (f forwards) of(eventType string) *url.URL {
	var best *forward
	for i := range f {
		if webhook.MatchType(f[i].pattern, eventType) && (best == nil || f[i].weight() > best.weight()) {
			best = &f[i]
		}
	}
	if best == nil {
		return nil
	}
	return best.target
}

// weight returns how much a pattern says about a type.
func (f *forward) weight() int {
	if strings.HasSuffix(f.pattern, "*") {
		return len(f.pattern)
	}
	return len(f.pattern) + webhook.MaxPatternLength // an exact name
}

// forwardTimeout bounds the wait for a target's answer. A server waits a minute at most.
const forwardTimeout = time.Minute

// passed is the outcome of passing a delivery on.
type passed struct {
	target string
	status int // of the target's answer; 502 if there was none
	took   time.Duration
	err    error // why there was no answer
}

// String returns the line that people read.
func (p *passed) String() string {
	line := fmt.Sprintf("passed on to %s: ", terminal.Printable(p.target))
	if p.err != nil {
		return line + "no answer: " + terminal.Printable(p.err.Error())
	}
	return line + fmt.Sprintf("%d %s in %s", p.status, http.StatusText(p.status), p.took.Round(100*time.Microsecond))
}

// pass sends a delivery to a target, with its headers and its bytes, so that the target can
// verify the signature, and writes the target's answer to w. Without an answer w gets 502:
// the server tries again later.
func pass(w http.ResponseWriter, request *http.Request, body []byte, target *url.URL) *passed {
	ctx, cancel := context.WithTimeout(request.Context(), forwardTimeout)
	defer cancel()
	result, begin := &passed{target: target.Redacted()}, time.Now()
	proxy := httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL, r.Out.Host = target, ""
		},
		Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		ErrorLog:  log.New(io.Discard, "", 0), // the line about the delivery says it
		ModifyResponse: func(answer *http.Response) error {
			result.status = answer.StatusCode
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			result.status, result.err = http.StatusBadGateway, reasonOf(err)
			http.Error(w, "no answer from the target", http.StatusBadGateway)
		},
	}
	out := request.Clone(ctx)
	out.Body, out.ContentLength, out.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	proxy.ServeHTTP(w, out)
	result.took = time.Since(begin)
	return result
}

// reasonOf returns an error of a request without the method and the URL, which stand in the
// line already.
func reasonOf(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

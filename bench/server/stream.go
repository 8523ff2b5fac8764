package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

// streams keep their connections to themselves, and have no bound on how long they last.
var streams = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: time.Minute},
	CheckRedirect: client.CheckRedirect,
}

// Stream reads what happens on the server (GET /api/stream) and calls seen with the kind of
// each event, hello first, until ctx ends. It returns nil then, and an error if the stream
// ended before.
func (a API) Stream(ctx context.Context, seen func(kind string)) error {
	req, err := a.request(ctx, http.MethodGet, "/api/stream", nil)
	if err != nil {
		return err
	}
	resp, err := streams.Do(req)
	if err != nil {
		return endOf(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /api/stream: %w: %s", errStatus, resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if kind, ok := bytes.CutPrefix(lines.Bytes(), []byte("event: ")); ok {
			seen(string(kind))
		}
	}
	return endOf(ctx, fmt.Errorf("GET /api/stream has ended: %w", lines.Err()))
}

// endOf returns nil in place of an error if the context has ended.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

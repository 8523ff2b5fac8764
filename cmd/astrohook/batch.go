package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// The bounds of one request with a batch. They stay below the server's own, 1,000 events
// and 1 MiB, so that a file of many events never fails because of its size.
const (
	batchEvents = 500
	batchBytes  = maxPublish - 1<<10 // also of one line
)

// publishBatch publishes the lines of a file, as many in a request as it may hold. It
// continues after a refused event, and stops when the server refuses a whole request. If
// any event was refused it returns an error, so that a script notices; the error counts
// the accepted ones, which must not be published again.
func (c *publishCommand) publishBatch(ctx context.Context, client *apiclient.Client, std streams) error {
	input := std.In
	if c.Batch != "-" {
		file, err := os.Open(c.Batch)
		if err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
		defer func() { _ = file.Close() }()
		input = file
	}
	p := &batchPublisher{client: client, out: std.Out}
	if err := p.publishLines(ctx, input); err != nil {
		return fmt.Errorf("publish: %w (%d events accepted, %d refused before)", err, p.accepted, p.refused)
	}
	if p.refused > 0 {
		return fmt.Errorf("publish: %d events accepted, %d refused", p.accepted, p.refused)
	}
	if _, err := fmt.Fprintln(std.Out, terminal.Counted(p.accepted, "event")+" accepted"); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// batchPublisher sends events in batches and prints the result of each.
type batchPublisher struct {
	client *apiclient.Client
	out    io.Writer

	body              bytes.Buffer // the lines of the next request, at most batchBytes
	lines             []int        // their numbers in the file, for the results
	accepted, refused int          // events, of all requests so far
}

// publishLines publishes each line of the input that is not empty. A line that is longer
// than a request may be ends it, after the lines before it were published.
func (p *batchPublisher) publishLines(ctx context.Context, input io.Reader) error {
	scanner := bufio.NewScanner(input)
	scanner.Buffer(nil, batchBytes)
	for number := 1; scanner.Scan(); number++ { // counts empty lines: editors do, too
		line := bytes.TrimSpace(scanner.Bytes())
		if len(line) == 0 {
			continue
		}
		if len(p.lines) == batchEvents || p.body.Len()+len(line)+1 > batchBytes {
			if err := p.flush(ctx); err != nil {
				return err
			}
		}
		p.body.Write(line)
		p.body.WriteByte('\n')
		p.lines = append(p.lines, number)
	}
	// What was read before the fault is published, since its lines are whole.
	if err := scanner.Err(); err != nil {
		return errors.Join(fmt.Errorf("read the events: %w", err), p.flush(ctx))
	}
	return p.flush(ctx)
}

// batchAnswer has the result of each event of a batch, in the order of the request. A
// refused event has a problem and no receipt.
type batchAnswer struct {
	Results []struct {
		eventReceipt
		Problem *apiclient.Problem `json:"problem"`
	} `json:"results"`
}

// flush publishes the lines gathered so far, and prints the result of each. The server
// judges each event by itself and answers 202 or 207 with a result for each; an answer
// without them is a refusal of the whole request, such as 401 or 503.
func (p *batchPublisher) flush(ctx context.Context) error {
	if len(p.lines) == 0 {
		return nil
	}
	status, text, err := p.client.Send(ctx, apiclient.Request{
		Method: http.MethodPost, Path: "/api/events/batch",
		ContentType: "application/x-ndjson", Body: p.body.Bytes(),
	})
	if err != nil {
		return err
	}
	var answer batchAnswer
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Results) != len(p.lines) {
		return apiclient.Refusal(status, text)
	}
	for i, r := range answer.Results {
		line := fmt.Sprintf("line %d  %s", p.lines[i], r.eventReceipt)
		if r.Problem != nil {
			line = fmt.Sprintf("line %d  refused: %s", p.lines[i], r.Problem)
			p.refused++
		} else {
			p.accepted++
		}
		if _, err := fmt.Fprintln(p.out, line); err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
	}
	p.body.Reset()
	p.lines = p.lines[:0]
	return nil
}

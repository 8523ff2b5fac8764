package resource

import (
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/terminal"
)

// wholeAttempt is an attempt with what it met, what it sent and what came back.
type wholeAttempt struct {
	attempt
	From    string `json:"from_address"`
	To      string `json:"to_address"`
	Reused  bool   `json:"reused"`
	Proxied bool   `json:"proxied"`
	Times   struct {
		DNS       float64 `json:"dns"`
		Connect   float64 `json:"connect"`
		TLS       float64 `json:"tls"`
		FirstByte float64 `json:"first_byte"`
	} `json:"timings_ms"`
	Line           string      `json:"response_line"`
	Headers        [][2]string `json:"response_headers"`
	Cut            bool        `json:"response_headers_truncated"`
	HeadersNotKept string      `json:"response_headers_not_kept"`
	Request        *struct {
		Method  string      `json:"method"`
		URL     string      `json:"url"`
		Headers [][2]string `json:"headers"`
		Body    []byte      `json:"body_base64"`
	} `json:"request"`
	RequestNotKept string `json:"request_not_kept"`
}

// fields returns the lines of an attempt's card.
func (a *wholeAttempt) fields() []output.Field {
	return []output.Field{
		{Title: "started", Text: a.StartedAt},
		{Title: "took", Text: output.Milliseconds(a.DurationMS)},
		{Title: "failure", Text: why(a.Reason, 0, a.ErrorMessage), Tone: output.Bad},
		{Title: "from", Text: a.From},
		{Title: "to", Text: a.to()},
		{Title: "times", Text: a.times()},
	}
}

// to returns the other end of the connection.
func (a *wholeAttempt) to() string {
	switch {
	case a.Proxied && a.To != "":
		return a.To + ", the egress proxy"
	case a.Proxied:
		return "the egress proxy"
	}
	return a.To
}

// times returns how long each step took that took time.
func (a *wholeAttempt) times() string {
	var parts []string
	if a.Reused {
		parts = append(parts, "kept connection")
	}
	for _, step := range []struct {
		name string
		ms   float64
	}{{"dns", a.Times.DNS}, {"connect", a.Times.Connect}, {"tls", a.Times.TLS}, {"first byte", a.Times.FirstByte}} {
		if step.ms > 0 {
			parts = append(parts, step.name+" "+output.Milliseconds(step.ms))
		}
	}
	return strings.Join(parts, ", ")
}

// sent returns the lines of the request.
func (a *wholeAttempt) sent() []output.Field {
	if a.Request == nil {
		return []output.Field{{Title: "not kept", Text: a.RequestNotKept}}
	}
	fields := []output.Field{{Title: a.Request.Method, Text: a.Request.URL}}
	return append(headerFields(fields, a.Request.Headers), output.Field{Title: "body", Text: string(a.Request.Body)})
}

// answered returns the lines of the response; none if there was none.
func (a *wholeAttempt) answered() []output.Field {
	if a.ResponseCode == 0 {
		return nil
	}
	line := a.Line
	if line == "" {
		line = output.Number(a.ResponseCode)
	}
	fields := headerFields([]output.Field{{Title: "status", Text: line, Tone: a.tone()}}, a.Headers)
	if a.Cut {
		fields = append(fields, output.Field{Title: "…", Text: "there were more headers"})
	}
	if a.HeadersNotKept != "" {
		fields = append(fields, output.Field{Title: "headers", Text: "not kept: " + a.HeadersNotKept})
	}
	return append(fields, output.Field{Title: "body", Text: a.answer()})
}

func headerFields(fields []output.Field, headers [][2]string) []output.Field {
	for _, h := range headers {
		fields = append(fields, output.Field{Title: terminal.Printable(h[0]), Text: h[1]})
	}
	return fields
}

// showAttempt prints an attempt: what it met, what it sent and what came back.
func showAttempt(p *output.Printer, a wholeAttempt) error {
	if err := p.Card(a.fields()); err != nil {
		return err
	}
	for _, part := range []struct {
		title  string
		fields []output.Field
	}{{"Request", a.sent()}, {"Response", a.answered()}} {
		if len(part.fields) == 0 {
			continue
		}
		if err := p.Section(part.title); err != nil {
			return err
		}
		if err := p.Card(part.fields); err != nil {
			return err
		}
	}
	return nil
}

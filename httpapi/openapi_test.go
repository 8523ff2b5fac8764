package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// contract is openapi.yaml, loaded once.
var contract = sync.OnceValues(func() (c struct {
	doc    *openapi3.T
	router routers.Router
}, err error,
) {
	openapi3filter.RegisterBodyDecoder("application/problem+json", openapi3filter.JSONBodyDecoder)
	openapi3filter.RegisterBodyDecoder(contentKeySet, openapi3filter.JSONBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	c.doc, err = openapi3.NewLoader().LoadFromData(openAPIDocument)
	if err != nil {
		return c, err
	}
	if err = c.doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return c, err
	}
	c.router, err = gorillamux.NewRouter(c.doc)
	return c, err
})

// checkContract checks an answer against openapi.yaml, and the request too if it
// was accepted: what the server takes must be documented.
func checkContract(t testing.TB, req *http.Request, body string, r *reply) {
	t.Helper()
	c, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	route, params, err := c.router.FindRoute(req)
	if errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
			MultiError:            true,
		},
	}
	if r.status < 300 && r.status != http.StatusMultiStatus {
		req.Body = io.NopCloser(strings.NewReader(body))
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			t.Errorf("%s %s %.300s was accepted, but is not as documented: %v", req.Method, req.URL, body, err)
		}
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: r.status, Header: r.header,
		Body: io.NopCloser(bytes.NewReader(r.body)), Options: in.Options,
	})
	if err != nil {
		t.Errorf("%s %s: the answer %d %.500s is not as documented: %v", req.Method, req.URL, r.status, r.body, err)
	}
}

// TestOpenAPIRoutes holds the table of routes against the document, both ways.
func TestOpenAPIRoutes(t *testing.T) {
	c, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	var documented, served []string
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	for _, r := range new(Server).routes() {
		served = append(served, r.method+" "+r.path)
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented: %q\nserved: %q", documented, served)
	}
}

// TestOpenAPIParameters holds the query parameters of each route against the document.
func TestOpenAPIParameters(t *testing.T) {
	c, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range new(Server).routes() {
		want := slices.Clone(r.query)
		if r.need.Acts() {
			want = append(want, "client_id")
		}
		item := c.doc.Paths.Value(r.path)
		if item == nil {
			t.Fatalf("%s is not documented", r.path)
		}
		var got []string
		for _, p := range append(slices.Clone(item.Parameters), item.GetOperation(r.method).Parameters...) {
			if p.Value.In == "query" {
				got = append(got, p.Value.Name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s %s takes %q, documented are %q", r.method, r.path, want, got)
		}
	}
}

// TestOpenAPIExamples checks that each call that takes or returns a body has an
// example of it; Validate checks that they fit.
func TestOpenAPIExamples(t *testing.T) {
	c, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	check := func(where string, content openapi3.Content) {
		for media, body := range content {
			if body.Example == nil && len(body.Examples) == 0 {
				t.Errorf("%s has no example for %s", where, media)
			}
		}
	}
	for path, item := range c.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody != nil {
				check(fmt.Sprintf("%s %s", method, path), op.RequestBody.Value.Content)
			}
			for status, answer := range op.Responses.Map() {
				check(fmt.Sprintf("%s %s %s", method, path, status), answer.Value.Content)
			}
		}
	}
}

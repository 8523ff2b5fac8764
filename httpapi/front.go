package httpapi

import (
	_ "embed"
	"html"
	"strings"

	"github.com/valyala/fasthttp"
)

//go:embed front.html
var frontPage string

// frontPolicy lets a browser load and run nothing, nor show the page inside another.
const frontPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// front is what a browser shows of the server: a page that says what it is and
// where to go on. It is the same for everyone, and asks for no token.
func (s *Server) front(ctx *fasthttp.RequestCtx, _ *Principal) error {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderContentSecurityPolicy, frontPolicy)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	ctx.SetContentType("text/html; charset=utf-8")
	ctx.Response.SetBodyString(strings.Replace(frontPage, "VERSION", html.EscapeString(s.version), 1))
	return nil
}

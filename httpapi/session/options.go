package session

import (
	"context"
	"net/url"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/paging"
	"github.com/corpastro/astrohook/webhook"
)

// Options are what Sessions are made of. All but PublicURL and Brand are needed.
type Options struct {
	Grants  *auth.Grants
	Cursors *paging.Cursors
	// Authenticate returns who presents the token or API key of a request. Its error is a
	// *problem.Problem with the status 401 if the credential is refused.
	Authenticate func(ctx *fasthttp.RequestCtx) (*auth.Principal, error)
	// Refused counts a session or link that was refused.
	Refused func(ctx *fasthttp.RequestCtx, reason error)
	// Call returns the context of a call.
	Call func() (context.Context, context.CancelFunc)
	// Version is that of the program.
	Version string
	Pages
}

// Pages are the settings of the pages that sessions are for.
type Pages struct {
	// PublicURL is the address under which browsers reach the server, without a slash at
	// its end; nil if it is not known.
	PublicURL *url.URL
	// Brand is what portals show that say nothing else.
	Brand webhook.Brand
	// FrameOrigins are the origins whose pages may show the portal in a frame.
	FrameOrigins []string
}

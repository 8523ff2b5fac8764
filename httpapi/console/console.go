package console

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/webhook"
)

//go:embed all:dist
var embedded embed.FS

// Embedded returns what was built into this binary: app/index.html, app/assets and
// placeholder.html.
func Embedded() fs.FS {
	files, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic(err) // dist is a valid path
	}
	return files
}

// Site serves the pages. It reads its files when the first page is asked for, and keeps
// them in memory from then on. It is safe for concurrent use.
type Site struct {
	files  fs.FS
	policy string
	load   func() loaded
}

// loaded is what a Site knows of its files.
type loaded struct {
	// index is the page for all paths, with baseMark in it, or the placeholder.
	index []byte
	// assets are the files beside it, by their path below /ui/.
	assets map[string]*asset
}

// asset is a file whose name changes with its content.
type asset struct {
	contentType, tag    string
	plain, gzip, brotli []byte // without the last two if the build did not make them
}

// NewSite returns a Site of these files, which are laid out as those of Embedded.
func NewSite(files fs.FS, p Policy) *Site {
	s := &Site{files: files, policy: p.header()}
	s.load = sync.OnceValue(s.read)
	return s
}

// The files of a Site, and the endings of those that the build has compressed.
const (
	indexFile       = "app/index.html"
	placeholderFile = "placeholder.html"
	assetFolder     = "assets/"
	gzipEnding      = ".gz"
	brotliEnding    = ".br"
)

func (s *Site) read() loaded {
	index, err := fs.ReadFile(s.files, indexFile)
	if err != nil {
		index, _ = fs.ReadFile(s.files, placeholderFile)
		return loaded{index: index}
	}
	l := loaded{index: index, assets: map[string]*asset{}}
	names, _ := fs.Glob(s.files, "app/"+assetFolder+"*")
	for _, name := range names {
		if ending := path.Ext(name); ending == gzipEnding || ending == brotliEnding {
			continue
		}
		l.assets[strings.TrimPrefix(name, "app/")] = s.asset(name)
	}
	return l
}

func (s *Site) asset(name string) *asset {
	a := &asset{contentType: contentType(name)}
	a.plain, _ = fs.ReadFile(s.files, name)
	a.gzip, _ = fs.ReadFile(s.files, name+gzipEnding)
	a.brotli, _ = fs.ReadFile(s.files, name+brotliEnding)
	a.tag = tagOf(a.plain)
	return a
}

// tagOf returns what names a content, without quotes.
func tagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:12])
}

// contentTypes has those of the files that Vite writes. The system's table is not asked,
// because it differs between machines.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json",
	".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2",
}

func contentType(name string) string {
	if known := contentTypes[path.Ext(name)]; known != "" {
		return known
	}
	return "application/octet-stream"
}

// maxDepth bounds how many folders a page's path has, because the page repeats them.
const maxDepth = 8

// baseMark stands once in index.html, before every URL. The server replaces it by the way
// from the page's path back to /ui/, which is the same under every prefix.
const baseMark = `<base href="./">`

// Serve answers a request for a path below /ui/: an asset, or the page for every other
// path, because the pages have paths of their own in the browser's history.
// webhook.ErrNotFound for an asset that is not there, and for a path that is too deep.
func (s *Site) Serve(ctx *fasthttp.RequestCtx, name string) error {
	if strings.HasPrefix(name, assetFolder) {
		a := s.load().assets[name]
		if a == nil {
			return fmt.Errorf("file of the console: %w", webhook.ErrNotFound)
		}
		s.sendAsset(ctx, a)
		return nil
	}
	depth := strings.Count(name, "/")
	if depth > maxDepth {
		return fmt.Errorf("page of the console: %w", webhook.ErrNotFound)
	}
	s.sendPage(ctx, cmp.Or(strings.Repeat("../", depth), "./"))
	return nil
}

// ServePortal answers a request for /portal.
func (s *Site) ServePortal(ctx *fasthttp.RequestCtx) { s.sendPage(ctx, "ui/") }

// Redirect leads a browser to a path below the present one. The location is relative, as
// the server does not know under which prefix it is reached.
func Redirect(ctx *fasthttp.RequestCtx, to string) {
	ctx.Response.Header.Set(fasthttp.HeaderLocation, to)
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-cache")
	ctx.SetStatusCode(fasthttp.StatusFound)
}

// sendPage answers with the page; base is the way from its path to /ui/.
func (s *Site) sendPage(ctx *fasthttp.RequestCtx, base string) {
	body := strings.Replace(string(s.load().index), baseMark, `<base href="`+base+`">`, 1)
	h := &ctx.Response.Header
	s.secure(h)
	h.Set(fasthttp.HeaderContentSecurityPolicy, s.policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set(fasthttp.HeaderCacheControl, "no-cache") // a new version names other assets
	ctx.SetContentType("text/html; charset=utf-8")
	if fresh(ctx, tagOf([]byte(body))) {
		ctx.Response.SetBodyString(body)
	}
}

func (s *Site) sendAsset(ctx *fasthttp.RequestCtx, a *asset) {
	h := &ctx.Response.Header
	s.secure(h)
	h.Set(fasthttp.HeaderCacheControl, "public, max-age=31536000, immutable")
	ctx.SetContentType(a.contentType)
	body, tag := a.plain, a.tag
	if a.gzip != nil || a.brotli != nil {
		h.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	}
	switch request := &ctx.Request.Header; {
	case a.brotli != nil && request.HasAcceptEncoding("br"):
		h.SetContentEncoding("br")
		body, tag = a.brotli, tag+"-br"
	case a.gzip != nil && request.HasAcceptEncoding("gzip"):
		h.SetContentEncoding("gzip")
		body, tag = a.gzip, tag+"-gz"
	}
	if fresh(ctx, tag) {
		ctx.Response.SetBodyRaw(body)
	}
}

// secure sets what every answer has.
func (s *Site) secure(h *fasthttp.ResponseHeader) {
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// fresh sets the answer's tag, and reports whether the body must be sent. Otherwise the
// browser has it already, and the answer says so.
func fresh(ctx *fasthttp.RequestCtx, tag string) bool {
	tag = `"` + tag + `"`
	ctx.Response.Header.Set(fasthttp.HeaderETag, tag)
	for known := range strings.SplitSeq(string(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			ctx.SetStatusCode(fasthttp.StatusNotModified)
			return false
		}
	}
	return true
}

package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/corpastro/astrohook/httpapi/audit"
	"github.com/corpastro/astrohook/httpapi/auth"
	"github.com/corpastro/astrohook/httpapi/exchange"
	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/httpapi/view"
	"github.com/corpastro/astrohook/webhook"
)

// overview answers how the server is doing with all webhooks, the worst of which stand in
// the order that the caller asks for. It reads memory, and storage for up to
// webhook.MaxWorst names.
func (s *Server) overview(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	if who.ClientID != "" {
		return problem.OfField("client_id", "does not apply: the overview is about every client")
	}
	by := webhook.ByAge
	if ctx.QueryArgs().Has("sort") {
		by = webhook.Order(ctx.QueryArgs().Peek("sort"))
	}
	switch by {
	case webhook.ByAge, webhook.ByPending, webhook.ByFailures:
	default:
		return problem.OfField("sort", "is none of age, pending and failures")
	}
	withSeries := exchange.Parameter(ctx, "series") != "false"
	if text := exchange.Parameter(ctx, "series"); ctx.QueryArgs().Has("series") && text != "false" && text != "true" {
		return problem.OfField("series", "must be true or false")
	}
	call, cancel := s.call()
	defer cancel()
	o, err := s.dispatcher.Overview(call, webhook.OverviewQuery{By: by, Series: withSeries})
	if err != nil {
		return fmt.Errorf("overview: %w", err)
	}
	var disk *view.Disk
	if s.disk != nil {
		known := s.disk()
		disk = &known
	}
	out := view.NewOverview(&o, disk, time.Now())
	if withSeries {
		out.AddSeries(&o.Series)
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// backup streams everything that storage holds: the data of every client, with the
// secrets of their webhooks in encrypted form. One backup runs at a time, because
// storage cannot free what a backup still reads.
func (s *Server) backup(ctx *fasthttp.RequestCtx, who *auth.Principal) error {
	switch {
	case who.ClientID != "":
		return problem.OfField("client_id", "does not apply: a backup holds the data of every client")
	case s.writeBackup == nil:
		return problem.New(problem.NotFound, "this server keeps everything in a database: back that up by its own means, such as pg_dump or pgBackRest")
	case !s.backingUp.CompareAndSwap(false, true):
		return problem.New(problem.Conflict, "another backup is under way")
	}
	ctx.SetContentType("application/octet-stream")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.SetConnectionClose()
	ctx.SetBodyStream(&backupStream{server: s, conn: ctx.Conn()}, -1)
	return nil
}

// backupStream is the body of an answer that is written while it is sent. Nothing is
// buffered for a reader that does not take it. A reader that stops, or that takes
// longer than Limits.Backup for all of it, is cut off, since storage must keep what the
// backup reads. A stream that is cut off lacks its end, which shows that a backup is
// complete.
type backupStream struct {
	server *Server
	conn   net.Conn

	begin  sync.Once
	end    sync.Once
	pipe   *io.PipeReader // nil before begin
	cancel context.CancelFunc
	ended  chan struct{}
}

var errStopping = errors.New("the server is stopping")

// Read returns the next piece. The first call starts the backup: an answer to HEAD has
// no body, and starts none.
func (b *backupStream) Read(p []byte) (int, error) {
	b.begin.Do(b.start)
	if b.server.draining.Load() {
		return 0, errStopping
	}
	if err := b.conn.SetWriteDeadline(time.Now().Add(b.server.limits.Write)); err != nil {
		return 0, err
	}
	return b.pipe.Read(p)
}

// start runs the backup in a goroutine, which ends with the stream: Close waits for it.
func (b *backupStream) start() {
	ctx, cancel := context.WithTimeout(b.server.base, b.server.limits.Backup)
	out, in := io.Pipe()
	// The pipe is closed also while the reader takes nothing and the writer waits.
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(context.Cause(ctx)) })
	b.pipe, b.cancel, b.ended = out, cancel, make(chan struct{})
	go func() {
		defer close(b.ended)
		began := time.Now()
		err := b.server.writeBackup(ctx, in)
		_ = in.CloseWithError(err)
		if err != nil {
			b.server.log.Warn("backup was cut off", slog.Duration("after", time.Since(began)), slog.Any("error", err))
			return
		}
		b.server.log.Info("backup sent", slog.Duration("took", time.Since(began)))
	}()
}

// Close ends the backup if it has not ended, and waits for its end.
func (b *backupStream) Close() error {
	b.end.Do(func() {
		if b.pipe != nil {
			b.cancel()
			<-b.ended
		}
		b.server.backingUp.Store(false)
	})
	return nil
}

// secretKeyResource is a key that encrypts secrets on disk, as the API shows it: without
// the key itself.
type secretKeyResource struct {
	ID     string `json:"id"`
	Writes bool   `json:"writes"`
	// Webhooks is how many webhooks' secrets it encrypts.
	Webhooks int64 `json:"webhooks"`
}

// listSecretKeys lists the keys, and how many webhooks' secrets each encrypts still. The
// list is one page: an operator has a few keys.
func (s *Server) listSecretKeys(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	call, cancel := s.call()
	defer cancel()
	keys, err := s.store.SecretKeys(call)
	if err != nil {
		return fmt.Errorf("read secret keys: %w", err)
	}
	out := exchange.Page[secretKeyResource]{Data: []secretKeyResource{}}
	for _, k := range keys {
		out.Data = append(out.Data, secretKeyResource{ID: k.ID, Writes: k.Writes, Webhooks: k.Endpoints})
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

// reencryptStep bounds the webhooks whose secrets one call encrypts again: as many as
// one transaction takes without delaying events noticeably.
const reencryptStep = 500

// reencryptResource is the answer of reencrypt.
type reencryptResource struct {
	Reencrypted int   `json:"reencrypted"`
	Remaining   int64 `json:"remaining"`
}

// reencrypt encrypts some secrets with the key that writes. The operator calls it until
// none remains, and can then remove the old key.
func (s *Server) reencrypt(ctx *fasthttp.RequestCtx, _ *auth.Principal) error {
	call, cancel := s.call()
	defer cancel()
	var out reencryptResource
	var err error
	if out.Reencrypted, err = s.store.Reencrypt(call, reencryptStep); err != nil {
		return fmt.Errorf("reencrypt: %w", err)
	}
	note := audit.Of(ctx)
	note.Nothing = out.Reencrypted == 0
	note.Set("reencrypted", out.Reencrypted)
	keys, err := s.store.SecretKeys(call)
	if err != nil {
		return fmt.Errorf("read secret keys: %w", err)
	}
	for _, k := range keys {
		if !k.Writes {
			out.Remaining += k.Endpoints
		}
	}
	return exchange.Answer(ctx, fasthttp.StatusOK, out)
}

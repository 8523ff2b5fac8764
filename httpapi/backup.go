package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// backup streams everything that storage holds: the data of every client, with
// the secrets of their webhooks as they are encrypted. One at a time.
func (s *Server) backup(ctx *fasthttp.RequestCtx, who *Principal) error {
	switch {
	case who.ClientID != "":
		return invalid("client_id", "does not apply: a backup holds the data of every client")
	case s.writeBackup == nil:
		return newProblem(codeNotFound, "this server keeps nothing that could be backed up")
	case !s.backingUp.CompareAndSwap(false, true):
		return newProblem(codeConflict, "another backup is under way")
	}
	ctx.SetContentType("application/octet-stream")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.SetConnectionClose()
	ctx.SetBodyStream(&backupStream{server: s, conn: ctx.Conn()}, -1)
	return nil
}

// backupStream is the body of an answer that is being written while it is sent.
// Nothing is kept for a reader that does not take it, and a reader that stops, or
// that takes longer than Limits.Backup for all of it, is cut off: storage keeps
// what the backup reads for as long as that goes on. A stream that is cut off
// lacks its end, by which a backup is known to be whole.
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

// Read gives the next piece. It begins the backup when it is first called: an
// answer to HEAD has no body.
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

func (b *backupStream) start() {
	ctx, cancel := context.WithTimeout(b.server.base, b.server.limits.Backup)
	out, in := io.Pipe()
	// Also while the reader takes nothing.
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

// Close ends the backup, if it has not ended, and waits for that.
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

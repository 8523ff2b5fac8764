package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corpastro/astrohook/httpapi/inbound/inboundtest"
)

// endlessBackup is storage that never comes to an end. It reports when a backup of it is
// given up, and why.
type endlessBackup struct {
	gaveUp chan error
}

func (b *endlessBackup) write(ctx context.Context, w io.Writer) error {
	text := make([]byte, 1<<16)
	for {
		_, err := w.Write(text)
		if err = errors.Join(err, ctx.Err()); err != nil {
			b.gaveUp <- err
			return err
		}
	}
}

// newBackupFixture returns a server whose backups do not end by themselves.
func newBackupFixture(t *testing.T) (*fixture, *endlessBackup) {
	b := &endlessBackup{gaveUp: make(chan error, 1)}
	return newFixture(t, func(o *Options) { o.Backup = b.write }), b
}

func (f *fixture) askForBackup(t *testing.T) net.Conn {
	t.Helper()
	c := f.dial(t)
	inboundtest.Send(t, c, "GET /api/backup HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+f.fixtureToken(admin)+"\r\n\r\n")
	return c
}

// endedAfter waits until a backup is given up, and returns how long that took.
func (b *endlessBackup) endedAfter(t *testing.T, begin time.Time, bound time.Duration) time.Duration {
	t.Helper()
	select {
	case <-b.gaveUp:
	case <-time.After(bound):
		t.Fatal("the backup still runs after", bound)
	}
	return time.Since(begin)
}

// TestBackupAnswer asks for a backup: GET gets all of it, HEAD nothing.
func TestBackupAnswer(t *testing.T) {
	f := newFixture(t)
	for range 2 {
		r := f.want(t, 200, admin, "GET", "/api/backup", "")
		if string(r.body) != testBackup || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %v", r.body, r.header)
		}
		if r := f.want(t, 200, admin, "HEAD", "/api/backup", ""); len(r.body) > 0 {
			t.Errorf("HEAD has a body: %s", r.body)
		}
	}
	if r := f.want(t, 422, admin, "GET", "/api/backup?client_id=acme", ""); r.text(t, "field") != "client_id" {
		t.Errorf("%s", r.body)
	}
}

// TestBackupThatFails has a backup that fails half-way: it must not look complete.
func TestBackupThatFails(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.Backup = func(_ context.Context, w io.Writer) error {
			_, _ = io.WriteString(w, testBackup)
			return errors.New("the disk cannot be read")
		}
	})
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://astrohook/api/backup", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.fixtureToken(admin))
	resp, err := f.client.Do(req)
	if err == nil {
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
	}
	if err == nil {
		t.Error("the answer came to an end")
	}
	if !strings.Contains(f.log.String(), "the disk cannot be read") {
		t.Error("nothing of it in the log:", f.log.String())
	}
}

// TestBackupReaders: a reader that takes nothing, or too little, holds neither storage
// nor memory for long, and only one backup runs at a time.
func TestBackupReaders(t *testing.T) {
	t.Run("dead", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f, b := newBackupFixture(t)
			begin := time.Now()
			f.askForBackup(t)
			synctest.Wait()
			f.want(t, 409, admin, "GET", "/api/backup", "")
			if took := b.endedAfter(t, begin, time.Hour); took > 2*defaultLimits.Write {
				t.Error("the backup was given up after", took)
			}
			synctest.Wait()
			f.askForBackup(t) // the next one is let in
			b.endedAfter(t, time.Now(), time.Hour)
		})
	})
	t.Run("slow", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f, b := newBackupFixture(t)
			begin := time.Now()
			c := f.askForBackup(t)
			go func() {
				piece := make([]byte, 8<<10)
				for {
					if _, err := io.ReadFull(c, piece); err != nil {
						return
					}
					time.Sleep(defaultLimits.Write / 6)
				}
			}()
			if took := b.endedAfter(t, begin, 10*defaultLimits.Backup); took != defaultLimits.Backup {
				t.Error("the backup was given up after", took)
			}
		})
	})
	t.Run("gone", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			f, b := newBackupFixture(t)
			begin := time.Now()
			c := f.askForBackup(t)
			synctest.Wait()
			c.Close()
			if took := b.endedAfter(t, begin, time.Hour); took > defaultLimits.Write {
				t.Error("the backup was given up after", took)
			}
		})
	})
}

// TestBackupEndsWithTheServer: Shutdown does not wait for a backup, but cuts it off.
func TestBackupEndsWithTheServer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f, b := newBackupFixture(t)
		c := f.askForBackup(t)
		cut := make(chan error, 1)
		go func() {
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			for err == nil {
				_, err = io.CopyN(io.Discard, resp.Body, 1<<20)
				time.Sleep(time.Millisecond) // the bubble's clock advances only when all wait
			}
			cut <- err
		}()
		time.Sleep(time.Second)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if took := b.endedAfter(t, begin, time.Hour); took > time.Second {
			t.Error("the backup was given up after", took)
		}
		if err := <-cut; errors.Is(err, io.EOF) {
			t.Error("the reader was told that it has all")
		}
	})
}

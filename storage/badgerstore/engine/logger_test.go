package engine

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	badger "github.com/dgraph-io/badger/v4"
)

// TestFailuresAmongMessages: which of Badger's messages end all writing, and what the
// operator reads.
func TestFailuresAmongMessages(t *testing.T) {
	full := func(path string) error { return &os.PathError{Op: "write", Path: path, Err: syscall.ENOSPC} }
	flush := func(cause error) func(*logger) {
		return func(l *logger) { l.Errorf(flushFailed+" to disk: %v, retrying", cause) }
	}
	compaction := func(cause any) func(*logger) {
		return func(l *logger) { l.Warningf(compactionFailed+" with error: %+v: %+v", 1, cause, "{}") }
	}
	for _, c := range []struct {
		reason  string
		message func(*logger)
		failure string // part of it; empty for none
		logged  string
	}{
		{"a flush that fails is repeated for ever", flush(os.ErrClosed), flushFailed, ""},
		{"a flush that finds no space is tried again", flush(full("/data/000017.sst")), "", "the disk is full"},
		{"a manifest that finds no space takes no more entries", flush(full("/data/" + badger.ManifestFilename)), flushFailed, ""},
		{"a compaction that fails", compaction("{a description} err: input/output error"), "compaction failed: input/output error", ""},
		{"a compaction that finds no space is tried again", compaction(full("/data/000017.sst")), "", "the disk is full"},
		{"a compaction whose manifest finds no space", compaction(full("/data/" + badger.ManifestFilename)), "compaction failed", ""},
		{"another compaction was faster", compaction("there is a non-empty level 2"), "", "badger warns"},
		{"a damaged block", func(l *logger) { l.Errorf(blockDamaged, errors.New("table 7, block 1")) }, "the data is damaged: table 7, block 1", ""},
		{"another error", func(l *logger) { l.Errorf("cannot %s", "lock") }, "", "badger reports an error"},
		{"another warning", func(l *logger) { l.Warningf("slow") }, "", "badger warns"},
		{"information", func(l *logger) { l.Infof("all tables opened"); l.Debugf("stats") }, "", ""},
	} {
		var out bytes.Buffer
		l := newLogger(slog.New(slog.NewTextHandler(&out, nil)))
		var failed error
		l.reportTo(func(err error) { failed = err })
		c.message(l)
		if (failed != nil) != (c.failure != "") || failed != nil && !strings.Contains(failed.Error(), c.failure) {
			t.Errorf("%s: failed with %v, want %q", c.reason, failed, c.failure)
		}
		if !strings.Contains(out.String(), c.logged) || c.logged == "" && out.Len() > 0 {
			t.Errorf("%s: logged %q, want %q", c.reason, out.String(), c.logged)
		}
	}
}

// TestFirstFailureIsReported: once, whether it comes before or after reportTo; and the
// warnings that follow it are not logged.
func TestFirstFailureIsReported(t *testing.T) {
	first := errors.New("first")
	for name, early := range map[string]bool{"before": true, "after": false} {
		var out bytes.Buffer
		l := newLogger(slog.New(slog.NewTextHandler(&out, nil)))
		if early {
			l.fail(first)
		}
		var reports []error
		l.reportTo(func(err error) { reports = append(reports, err) })
		l.fail(first)
		l.fail(errors.New("second"))
		l.Warningf("again")
		if len(reports) != 1 || !errors.Is(reports[0], first) || out.Len() > 0 {
			t.Errorf("%s: reported %v, logged %q", name, reports, out.String())
		}
	}
}

// TestFullDiskIsLoggedOnceAMinute although Badger tries again ten times a second.
func TestFullDiskIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := newLogger(slog.New(slog.NewTextHandler(&out, nil)))
		for range 90 {
			l.Errorf(flushFailed+": %v", syscall.ENOSPC)
			pause(t.Context(), fullInterval/30)
		}
		if got := strings.Count(out.String(), "the disk is full"); got != 3 {
			t.Errorf("%d lines in 3 minutes", got)
		}
	})
}

// TestFullFromNow: a close must not give up because of a full disk that was long ago.
func TestFullFromNow(t *testing.T) {
	l := newLogger(slog.New(slog.DiscardHandler))
	l.Errorf(flushFailed+": %v", syscall.ENOSPC)
	full := l.fullFromNow()
	select {
	case <-full:
		t.Error("an earlier message counts")
	default:
	}
	l.Errorf(flushFailed+": %v", syscall.EDQUOT)
	select {
	case <-full:
	default:
		t.Error("a later one does not")
	}
}

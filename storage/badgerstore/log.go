package badgerstore

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// badgerLog passes Badger's warnings and errors on; the rest is of no use to
// operators. One of the errors it also reports to the store, which learns of it
// in no other way.
type badgerLog struct {
	log *slog.Logger

	mu     sync.Mutex
	failed error
	report func(error) // nil until the store is there
}

// flushFailed is what Badger says, for ever, when it cannot write a memory table
// to disk. Writes block once the next tables are full.
const flushFailed = "error flushing memtable"

// Errorf logs an error.
func (l *badgerLog) Errorf(format string, args ...any) {
	said := text(format, args)
	if !strings.HasPrefix(format, flushFailed) {
		l.log.Error("badger reports an error", "text", said)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return
	}
	l.failed = errors.New(said)
	if l.report != nil {
		l.report(l.failed)
	}
}

// reportTo has failed flushes reported, also one that came before.
func (l *badgerLog) reportTo(report func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report = report
	if l.failed != nil {
		report(l.failed)
	}
}

// Warningf logs a warning.
func (l *badgerLog) Warningf(format string, args ...any) {
	l.log.Warn("badger warns", "text", text(format, args))
}

// Infof drops what is of no use.
func (l *badgerLog) Infof(string, ...any) {}

// Debugf drops what is of no use.
func (l *badgerLog) Debugf(string, ...any) {}

func text(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}

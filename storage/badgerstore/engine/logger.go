package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	badger "github.com/dgraph-io/badger/v4"
)

// logger is the log that Badger writes to. It passes warnings and errors on to the
// operator's log, and drops the rest. Badger reports the failures of its background
// work nowhere but in its log, so logger also recognises those, by the formats below,
// and reports the first one to the database's user.
type logger struct {
	log *slog.Logger

	mu     sync.Mutex
	failed error
	report func(error) // nil until reportTo
	warned time.Time   // when the log last said that the disk is full

	// full receives a value when a memory table finds no space on the disk.
	full chan struct{}
}

func newLogger(log *slog.Logger) *logger { return &logger{log: log, full: make(chan struct{}, 1)} }

// Formats of Badger's messages that report a failure. The tests in
// patched_linux_test.go fail when a new Badger words them differently.
const (
	// flushFailed begins the message about a memory table that cannot be written to
	// disk. Badger repeats it for ever, and writes block once the next tables are full.
	flushFailed = "error flushing memtable"
	// blockDamaged is what the patched Badger says of a block that cannot be read,
	// before the reader takes the block for an empty one.
	blockDamaged = "damaged: %v"
	// compactionFailed begins the message about a compaction whose tables, or whose
	// manifest entry, cannot be written. Badger repeats it for ever, and writes block once
	// there are too many tables.
	compactionFailed = "[Compactor: %d] LOG Compact FAILED"
	// compactionRefused is part of that message if another compaction was faster, which
	// is no failure.
	compactionRefused = "there is a non-empty level"
)

// Errorf logs an error.
func (l *logger) Errorf(format string, args ...any) {
	said := text(format, args)
	switch {
	case format == blockDamaged:
		l.fail(fmt.Errorf("%w: %v", ErrDamaged, args[0]))
	case strings.HasPrefix(format, flushFailed) && saysFull(said):
		select {
		case l.full <- struct{}{}:
		default:
		}
		l.warnFull(said)
	case strings.HasPrefix(format, flushFailed):
		l.fail(errors.New(said))
	default:
		l.log.Error("badger reports an error", "text", said)
	}
}

// Warningf logs a warning.
func (l *logger) Warningf(format string, args ...any) {
	said := text(format, args)
	switch {
	case strings.HasPrefix(format, compactionFailed) && saysFull(said):
		l.warnFull("compaction failed: " + cause(args))
	case strings.HasPrefix(format, compactionFailed) && !strings.Contains(said, compactionRefused):
		l.fail(errors.New("compaction failed: " + cause(args)))
	case !l.hasFailed(): // after a failure Badger repeats itself
		l.log.Warn("badger warns", "text", said)
	}
}

// Infof drops a message that operators do not need.
func (l *logger) Infof(string, ...any) {}

// Debugf drops a message that operators do not need.
func (l *logger) Debugf(string, ...any) {}

// fullInterval is how often the log says that the disk is full.
const fullInterval = time.Minute

// warnFull logs that a table found no space on the disk. Nothing is lost: Badger keeps
// what the table is made of, removes the part that was written, and tries again.
func (l *logger) warnFull(said string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.warned.IsZero() || now.Sub(l.warned) >= fullInterval {
		l.warned = now
		l.log.Error("the disk is full: storage tries again until there is room", "text", said)
	}
}

// fullFromNow returns the channel that receives a value when a memory table finds no
// space from now on.
func (l *logger) fullFromNow() <-chan struct{} {
	select {
	case <-l.full:
	default:
	}
	return l.full
}

// saysFull reports whether a message is about a table that could not be made because
// the disk is full. A full disk while the manifest is written is another matter: with
// the patch Badger appends nothing to the manifest after a failed write.
func saysFull(said string) bool {
	full := strings.Contains(said, syscall.ENOSPC.Error()) || strings.Contains(said, syscall.EDQUOT.Error())
	return full && !strings.Contains(said, badger.ManifestFilename)
}

// isFull is saysFull for an error of our own calls.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// cause returns the cause in the error among the arguments of compactionFailed. Badger
// puts a description of the whole compaction before it, which ends with a brace.
func cause(args []any) string {
	said := fmt.Sprint(args[1:2]...)
	if _, after, found := strings.Cut(said, "} err: "); found {
		return after
	}
	return said
}

func (l *logger) hasFailed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed != nil
}

// fail reports the first failure, and drops later ones.
func (l *logger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return
	}
	l.failed = err
	if l.report != nil {
		l.report(l.failed)
	}
}

// reportTo has the first failure reported, also one that came before.
func (l *logger) reportTo(report func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report = report
	if l.failed != nil {
		report(l.failed)
	}
}

func text(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}

package badgerstore

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

// badgerLog passes Badger's warnings and errors on; the rest is of no use to
// operators. Of what it says about files that it cannot write, or read, it also tells the
// store, which learns of it in no other way.
type badgerLog struct {
	log *slog.Logger

	mu     sync.Mutex
	failed error
	report func(error) // nil until the store is there
	told   time.Time   // when the log last said that the disk is full

	// noRoom gets a value when a memory table finds no room on the disk.
	noRoom chan struct{}
}

func newBadgerLog(log *slog.Logger) *badgerLog {
	return &badgerLog{log: log, noRoom: make(chan struct{}, 1)}
}

// flushFailed is what Badger says, for ever, when it cannot write a memory table
// to disk. Writes block once the next tables are full.
const flushFailed = "error flushing memtable"

// blockDamaged is what the patched Badger says of a block that cannot be read,
// before whoever reads takes it for an empty one.
const blockDamaged = "damaged: %v"

// compactionFailed is what Badger says, for ever, when it cannot write the tables
// of a compaction, or the manifest. Writes block once there are too many tables.
const compactionFailed = "[Compactor: %d] LOG Compact FAILED"

// compactionRefused is in what Badger says when another compaction came before
// one, which is no failure.
const compactionRefused = "there is a non-empty level"

// Errorf logs an error.
func (l *badgerLog) Errorf(format string, args ...any) {
	said := text(format, args)
	switch {
	case format == blockDamaged:
		l.fail(fmt.Errorf("%w: %v", errDamagedFiles, args[0]))
	case strings.HasPrefix(format, flushFailed) && saysFull(said):
		select {
		case l.noRoom <- struct{}{}:
		default:
		}
		l.full(said)
	case strings.HasPrefix(format, flushFailed):
		l.fail(errors.New(said))
	default:
		l.log.Error("badger reports an error", "text", said)
	}
}

// Warningf logs a warning.
func (l *badgerLog) Warningf(format string, args ...any) {
	said := text(format, args)
	switch {
	case strings.HasPrefix(format, compactionFailed) && saysFull(said):
		l.full("compaction failed: " + reason(args))
	case strings.HasPrefix(format, compactionFailed) && !strings.Contains(said, compactionRefused):
		l.fail(errors.New("compaction failed: " + reason(args)))
	case !l.hasFailed(): // then it repeats itself
		l.log.Warn("badger warns", "text", said)
	}
}

// fullInterval is how often the log says that the disk is full.
const fullInterval = time.Minute

// full says that a table found no room on the disk. Nothing is lost: Badger keeps
// what the table is made of, removes what there is of it, and tries again.
func (l *badgerLog) full(said string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.told.IsZero() || now.Sub(l.told) >= fullInterval {
		l.told = now
		l.log.Error("the disk is full: storage tries again until there is room", "text", said)
	}
}

// saysFull reports whether a table could not be made because the disk is full. After
// a failed write of the list of tables there is no going on (patch).
func saysFull(said string) bool {
	full := strings.Contains(said, syscall.ENOSPC.Error()) || strings.Contains(said, syscall.EDQUOT.Error())
	return full && !strings.Contains(said, badger.ManifestFilename)
}

// isFull is saysFull for an error of our own.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// reason takes the cause out of the error among the arguments of compactionFailed.
// Badger puts a description of the whole compaction before it, which ends with a brace.
func reason(args []any) string {
	said := fmt.Sprint(args[1:2]...)
	if _, after, found := strings.Cut(said, "} err: "); found {
		return after
	}
	return said
}

func (l *badgerLog) hasFailed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed != nil
}

// fail reports the first failure to the store.
func (l *badgerLog) fail(err error) {
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

// reportTo has failures reported, also one that came before.
func (l *badgerLog) reportTo(report func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report = report
	if l.failed != nil {
		report(l.failed)
	}
}

// Infof drops what is of no use.
func (l *badgerLog) Infof(string, ...any) {}

// Debugf drops what is of no use.
func (l *badgerLog) Debugf(string, ...any) {}

func text(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}

package badgerstore

import (
	"fmt"
	"log/slog"
	"strings"
)

// badgerLog passes Badger's warnings and errors on; the rest is of no use to operators.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(format string, args ...any) {
	l.log.Error("badger reports an error", "text", text(format, args))
}

func (l badgerLog) Warningf(format string, args ...any) {
	l.log.Warn("badger warns", "text", text(format, args))
}

func (l badgerLog) Infof(string, ...any)  {}
func (l badgerLog) Debugf(string, ...any) {}

func text(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}

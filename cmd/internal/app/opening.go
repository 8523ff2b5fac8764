package app

import (
	"log/slog"

	"github.com/corpastro/astrohook/storage/badgerstore"
)

// sayOpening logs in one line what a start found. Storage does not know which attempts
// were in flight when a process was killed: their deliveries are pending, and the
// server attempts them again.
func sayOpening(log *slog.Logger, o badgerstore.Opening) {
	took := slog.Int64("took_ms", o.Took.Milliseconds())
	switch {
	case o.New:
		log.Info("made a new data directory", took)
		return
	case o.Logs == 0:
		log.Info("opened after a clean stop", slog.Int64("pending", o.Pending), slog.Bool("still_counting", o.Counting), took)
		return
	}
	log.Info("opened after an unclean end: its log was replayed, and attempts that were in flight are made again",
		slog.Int64("pending", o.Pending), slog.Bool("still_counting", o.Counting),
		slog.Int("replayed_logs", o.Logs), slog.Int("replayed_commits", o.Transactions), slog.Int64("replayed_bytes", o.Bytes), took)
}

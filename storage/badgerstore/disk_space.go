package badgerstore

import (
	"context"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/groupcommit"
	"github.com/corpastro/astrohook/webhook"
)

// Urgencies of a write while the disk is full.
const (
	settles   = groupcommit.Settles
	publishes = groupcommit.Publishes
	changes   = groupcommit.Changes
	frees     = groupcommit.Frees
)

// errNoSpace answers a write for which the disk has no space.
var errNoSpace = &webhook.RetryAfterError{Err: webhook.ErrDiskReserve, After: time.Minute}

// SpaceNeeded returns how many bytes must stay free on the disk for storage to continue,
// and to start again. Below it publishing has to be refused; Accept refuses, too.
func (s *Store) SpaceNeeded() uint64 {
	if s.enter() != nil {
		return 0
	}
	defer s.leave()
	return s.db.SpaceNeeded()
}

// squeeze has removed records leave the disk while less is free than storage needs.
// Reap calls it after each round.
func (s *Store) squeeze(ctx context.Context) error {
	if s.enter() != nil {
		return nil
	}
	defer s.leave()
	if ends, err := s.db.Squeeze(); err != nil || !ends {
		return err
	}
	return s.updateUrgently(ctx, frees, "end log", func(tx *badger.Txn) (*change, error) {
		if s.ended == s.tally.commits { // nothing was committed since
			return nil, nil
		}
		last, err := metaNumber(tx, metaLastSeq)
		if err != nil {
			return nil, err
		}
		s.db.EndLog()
		s.ended = s.tally.commits + 1
		c := &change{} // a log ends with the next commit only
		c.put(metaLastSeq, encodeNumber(last))
		return c, nil
	})
}

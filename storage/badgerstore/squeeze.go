package badgerstore

import (
	"context"

	badger "github.com/dgraph-io/badger/v4"
)

// squeeze has what was removed leave the disk as long as less is free than storage
// needs. Badger merges tables when more come; while publishing is refused hardly
// any does, so that nothing would ever be freed.
func (s *Store) squeeze(ctx context.Context) error {
	if !patched || s.room.db == nil || s.enter() != nil {
		return nil
	}
	defer s.leave()
	free, err := s.room.free()
	if err != nil {
		return err
	}
	needed := s.room.needed(s.room.tables())
	tight := free < needed+needed/8 // the reserve ends somewhat above it
	squeezeTables(s.db, tight)
	if !tight || free < s.room.turn() {
		return nil
	}
	return s.updateUrgently(ctx, frees, "end log", func(tx *badger.Txn) (*change, error) {
		if s.ended == s.tally.commits { // nothing came since
			return nil, nil
		}
		last, err := metaNumber(tx, metaLastSeq)
		if err != nil {
			return nil, err
		}
		endLog(s.db)
		s.ended = s.tally.commits + 1
		c := &change{}
		c.put(metaLastSeq, encodeNumber(last))
		return c, nil
	})
}

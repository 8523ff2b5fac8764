package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// tally is what each commit stores about the whole.
type tally struct {
	commits uint64 // the number of the commit
	pending int64  // the deliveries that are queued or retrying after it
}

// write stores the tally with a transaction. The number stands beside the count
// too: an older program stores the number alone, and its count is not believed then.
func (t tally) write(tx *badger.Txn) error {
	if err := tx.Set(metaCommits, encodeNumber(t.commits)); err != nil {
		return err
	}
	return tx.Set(metaPending, binary.BigEndian.AppendUint64(encodeNumber(t.commits), uint64(t.pending)))
}

// readTally reads what the last commit stored. known reports whether the count of
// what is pending is that commit's.
func readTally(tx *badger.Txn) (t tally, known bool, err error) {
	if t.commits, err = metaNumber(tx, metaCommits); err != nil {
		return t, false, fmt.Errorf("read the number of commits: %w", err)
	}
	err = get(tx, metaPending, func(value []byte) error {
		if len(value) != 16 {
			return errDamaged
		}
		known = binary.BigEndian.Uint64(value) == t.commits
		t.pending = int64(binary.BigEndian.Uint64(value[8:]))
		return nil
	})
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return t, false, fmt.Errorf("read the count of pending deliveries: %w", err)
	}
	return t, known, nil
}

// countPending counts all that is pending, for a directory that does not say.
func countPending(tx *badger.Txn) int64 {
	count := int64(0)
	for _, s := range pendingSpaces {
		it := forward(tx, []byte{byte(s)})
		for it.Rewind(); it.Valid(); it.Next() {
			count++
		}
		it.Close()
	}
	return count
}

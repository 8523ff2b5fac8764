package badgerstore

import (
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
)

// separateAttempts leads from schema version 2, where the record of a delivery held
// its whole log, to 3: the logs of what is pending get records of their own. What
// has finished is read as it is, and leaves with its retention. A step that was
// interrupted goes on with the records that are of the old version still.
func separateAttempts(db *engine.DB) error {
	batch := db.NewWriteBatch()
	defer batch.Cancel()
	tx := db.NewTransaction(false)
	defer tx.Discard()
	for _, s := range pendingSpaces {
		if err := separateIn(tx, batch, s); err != nil {
			return err
		}
	}
	return batch.Flush()
}

func separateIn(tx *badger.Txn, batch *badger.WriteBatch, s space) error {
	it := forward(tx, []byte{byte(s)})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		c, err := separated(it.Item())
		if err != nil {
			return fmt.Errorf("record %x: %w", it.Item().Key(), err)
		}
		for i := range c.ops {
			if err := batch.SetEntry(&c.ops[i].entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// separated returns what is to be written in place of a pending delivery's record.
func separated(item *badger.Item) (*change, error) {
	c, key := &change{}, item.KeyCopy(nil)
	if len(key) != deliveryKeySize {
		return nil, errors.Join(errDamaged, errForeignKey)
	}
	err := item.Value(func(record []byte) error {
		if len(record) == 0 {
			return errDamaged
		}
		if isFresh(record) || record[0] >= deliveryVersion {
			return nil
		}
		d, err := decodeDelivery(parseDeliveryKey(key), record)
		if err != nil {
			return err
		}
		c.keepLog(&d)
		c.put(key, encodeDelivery(&d))
		return nil
	})
	return c, err
}

package badgerstore

import (
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/storage/badgerstore/layout"
	"github.com/corpastro/astrohook/storage/record"
)

// schemaVersion is the version of keys and their meaning that this program writes.
const schemaVersion = 3

// upgrades are the steps from older versions to schemaVersion: the one at index v makes
// version v+2 of v+1. Each runs before anything else reads. An interrupted step is run
// again from its beginning, so it must accept records that it has written before.
var upgrades = []func(*engine.DB) error{
	func(*engine.DB) error { return errUnsealed },
	separateAttempts,
}

// errUnsealed refuses version 1, whose secrets were in the clear. Encrypting them now
// would leave the old records readable in files until Badger rewrites these.
var errUnsealed = errors.New("it kept the secrets of webhooks in the clear; begin with a new data directory")

// upgrade brings the data to schemaVersion, or refuses what is newer.
func upgrade(db *engine.DB) error { return upgradeTo(db, schemaVersion, upgrades) }

// upgradeTo runs the steps that lead to a version. The version that a step leads to
// is written before the step begins: an older program must not open what a killed
// step left, which is neither the one version nor the other.
func upgradeTo(db *engine.DB, target int, steps []func(*engine.DB) error) error {
	version, err := schemaOf(db)
	if err != nil {
		return err
	}
	if version > target {
		return fmt.Errorf("the data has schema version %d, this program knows up to %d: use the newer program", version, target)
	}
	// A new directory needs no steps: it begins with the newest version.
	if version == 0 { // nothing is there yet
		return writeSchema(db, target, 0)
	}
	// A step that did not end starts again from the version that it began with.
	if version, err = beforeStep(db, version); err != nil {
		return err
	}
	for ; version < target; version++ {
		if err := writeSchema(db, version+1, version); err != nil {
			return err
		}
		err := steps[version-1](db)
		if errors.Is(err, errUnsealed) { // nothing has changed
			err = errors.Join(err, writeSchema(db, version, 0))
		}
		if err != nil {
			return fmt.Errorf("upgrade from schema version %d: %w", version, err)
		}
		if err := writeSchema(db, version+1, 0); err != nil {
			return err
		}
	}
	return nil
}

// writeSchema stores the version of the data, and the version from which a step to it is
// running; 0 for none.
func writeSchema(db *engine.DB, version, from int) error {
	err := db.Update(func(tx *badger.Txn) error {
		if err := tx.Set(layout.MetaVersion, layout.EncodeNumber(uint64(version))); err != nil {
			return err
		}
		if from == 0 {
			return tx.Delete(layout.MetaUpgrading)
		}
		return tx.Set(layout.MetaUpgrading, layout.EncodeNumber(uint64(from)))
	})
	if err != nil {
		return fmt.Errorf("write schema version: %w", err)
	}
	return nil
}

// beforeStep returns the version from which an interrupted step started; without one,
// the version of the data.
func beforeStep(db *engine.DB, version int) (int, error) {
	tx := db.NewTransaction(false)
	defer tx.Discard()
	from, err := metaNumber(tx, layout.MetaUpgrading)
	if err != nil {
		return 0, fmt.Errorf("read the state of an upgrade: %w", err)
	}
	if from > 0 {
		return int(from), nil
	}
	return version, nil
}

// schemaOf returns the version of the data; 0 in an empty directory.
func schemaOf(db *engine.DB) (int, error) {
	tx := db.NewTransaction(false)
	defer tx.Discard()
	version, err := metaNumber(tx, layout.MetaVersion)
	if err != nil {
		return 0, err
	}
	if version > 0 {
		return int(version), nil
	}
	it := tx.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	// Our own directories have a version from their first commit on.
	if it.Rewind(); it.Valid() {
		return 0, errors.New("the directory holds a Badger database of another program")
	}
	return 0, nil
}

// metaNumber returns a number of layout.SpaceMeta; 0 if it was never written.
func metaNumber(tx *badger.Txn, key []byte) (uint64, error) {
	v, _, err := readIfStored(tx, key, layout.DecodeNumber)
	return v, err
}

// readLastSeq returns the largest Seq of any ID stored: that of the newest event, or a
// larger one of an endpoint or of an event that Reap has removed.
func readLastSeq(db *engine.DB) (uint64, error) {
	tx := db.NewTransaction(false)
	defer tx.Discard()
	last, err := metaNumber(tx, layout.MetaLastSeq)
	if err != nil {
		return 0, fmt.Errorf("read last id: %w", err)
	}
	newest := engine.NewBackward(tx, layout.SpaceEvent.Prefix())
	defer newest.Close()
	newest.Seek(layout.EventKey(layout.LastID(0)))
	allowance := engine.Unlimited
	// MetaLastSeq is not written with each event: the newest event says it, too.
	if newest.Next(nil, &allowance) == engine.Found {
		last = max(last, layout.ParseEventKey(newest.Key).Seq)
	}
	return last, nil
}

// separateAttempts makes schema version 3 of 2, where the record of a delivery held all
// its attempts: those of pending deliveries get records of their own. Finished ones stay
// as they are, and expire with their retention. After an interruption it skips the
// records that it has written.
func separateAttempts(db *engine.DB) error {
	// Of any size: an upgrade happens before anybody else commits.
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

// separateIn rewrites the records of one space.
func separateIn(tx *badger.Txn, batch *badger.WriteBatch, s layout.Space) error {
	it := forward(tx, s.Prefix())
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

// separated returns what replaces a pending delivery's record; nothing if it is new.
func separated(item *badger.Item) (*change, error) {
	c, key := &change{}, item.KeyCopy(nil)
	if len(key) != layout.DeliveryKeySize {
		return nil, errors.Join(record.ErrDamaged, errForeignKey)
	}
	err := item.Value(func(value []byte) error {
		if len(value) == 0 {
			return record.ErrDamaged
		}
		if record.IsFresh(value) || value[0] >= record.DeliveryVersion {
			return nil
		}
		d, err := record.DecodeDelivery(layout.ParseDeliveryKey(key), value)
		if err != nil {
			return err
		}
		c.keepLog(&d)
		c.put(key, record.EncodeDelivery(&d))
		return nil
	})
	return c, err
}

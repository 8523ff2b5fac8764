package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/storage/badgerstore/engine"
	"github.com/corpastro/astrohook/webhook"
)

// schemaVersion is the version of keys and their meaning that this program writes.
const schemaVersion = 3

// upgrades leads from older versions to schemaVersion: the step at index v makes
// version v+2 from v+1. Each runs once, before anything else reads. A step that
// is interrupted is run again, and so must bear that.
var upgrades = []func(*engine.DB) error{
	func(*engine.DB) error { return errUnsealed },
	separateAttempts,
}

// errUnsealed refuses version 1: sealing its secrets would leave the old records
// readable in files until Badger rewrites them.
var errUnsealed = errors.New("it kept the secrets of webhooks in the clear; begin with a new data directory")

// What is kept under spaceMeta: numbers, and the key of cursors.
var (
	metaVersion    = []byte("mversion")
	metaLastNumber = []byte("mnumber")  // the newest endpoint's
	metaLastSeq    = []byte("mseq")     // the largest Seq of any endpoint or removed event
	metaCommits    = []byte("mcommits") // the number of the last commit; see SYNCED
	metaPending    = []byte("mpending") // that number again, and how many deliveries were pending then; see tally
	metaCursorKey  = []byte("mcursor")
)

// metaUpgrading is the version from which a step leads that has begun, and not ended.
var metaUpgrading = []byte("mupgrading")

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
	if version == 0 { // nothing is there yet
		return writeSchema(db, target, 0)
	}
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

// writeSchema writes the version of the data, and from which one a step to it is
// under way; 0 for none.
func writeSchema(db *engine.DB, version, from int) error {
	err := db.Update(func(tx *badger.Txn) error {
		if err := tx.Set(metaVersion, encodeNumber(uint64(version))); err != nil {
			return err
		}
		if from == 0 {
			return tx.Delete(metaUpgrading)
		}
		return tx.Set(metaUpgrading, encodeNumber(uint64(from)))
	})
	if err != nil {
		return fmt.Errorf("write schema version: %w", err)
	}
	return nil
}

// beforeStep returns the version that a step was to lead from which did not end;
// without one, the version of the data.
func beforeStep(db *engine.DB, version int) (int, error) {
	tx := db.NewTransaction(false)
	defer tx.Discard()
	from, err := metaNumber(tx, metaUpgrading)
	if err != nil {
		return 0, fmt.Errorf("read the state of an upgrade: %w", err)
	}
	if from > 0 {
		return int(from), nil
	}
	return version, nil
}

// schemaOf gives the version of the data; 0 if there is none.
func schemaOf(db *engine.DB) (int, error) {
	tx := db.NewTransaction(false)
	defer tx.Discard()
	version, err := metaNumber(tx, metaVersion)
	if err != nil {
		return 0, err
	}
	if version > 0 {
		return int(version), nil
	}
	it := tx.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	if it.Rewind(); it.Valid() {
		return 0, errors.New("the directory holds a Badger database of another program")
	}
	return 0, nil
}

func encodeNumber(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// metaNumber reads a number under spaceMeta; 0 if it was never written.
func metaNumber(tx *badger.Txn, key []byte) (uint64, error) {
	var v uint64
	err := get(tx, key, func(value []byte) error {
		if len(value) != 8 {
			return errDamaged
		}
		v = binary.BigEndian.Uint64(value)
		return nil
	})
	if errors.Is(err, webhook.ErrNotFound) {
		return 0, nil
	}
	return v, err
}

// readLastSeq finds the largest Seq of any ID stored.
func readLastSeq(db *engine.DB) (uint64, error) {
	tx := db.NewTransaction(false)
	defer tx.Discard()
	last, err := metaNumber(tx, metaLastSeq)
	if err != nil {
		return 0, fmt.Errorf("read last id: %w", err)
	}
	newest := engine.NewBackward(tx, []byte{byte(spaceEvent)})
	defer newest.Close()
	newest.Seek(eventKey(lastID(0)))
	allowance := engine.Unlimited
	if newest.Next(nil, &allowance) == engine.Found {
		last = max(last, parseEventKey(newest.Key).Seq)
	}
	return last, nil
}

package badgerstore

import (
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/corpastro/astrohook/webhook"
)

// Reads of single records and scans of prefixes, for all that works in a transaction.
// Missing and damaged records must stay apart: a missing one is webhook.ErrNotFound,
// or false, and anything else fails whoever asked.

// forward opens an iterator over the keys with a prefix, ascending. It reads values on
// demand, and stops at the prefix's end.
func forward(tx *badger.Txn, prefix []byte) *badger.Iterator {
	return tx.NewIterator(badger.IteratorOptions{Prefix: prefix})
}

// get calls read with the value of a key, which is valid until read returns; ErrNotFound.
func get(tx *badger.Txn, key []byte, read func(value []byte) error) error {
	item, err := tx.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return webhook.ErrNotFound
	}
	if err != nil {
		return err
	}
	if err := item.Value(read); err != nil {
		return fmt.Errorf("key %x: %w", key, err)
	}
	return nil
}

// readIfStored returns the record of a key that need not exist, and whether it does.
func readIfStored[T any](tx *badger.Txn, key []byte, decode func(record []byte) (T, error)) (T, bool, error) {
	out, err := readRecord(tx, key, decode)
	if errors.Is(err, webhook.ErrNotFound) {
		return out, false, nil
	}
	return out, err == nil, err
}

// readRecord returns the record of a key; ErrNotFound. decode must keep nothing of the
// bytes that it gets: they are Badger's.
func readRecord[T any](tx *badger.Txn, key []byte, decode func(record []byte) (T, error)) (out T, err error) {
	err = get(tx, key, func(record []byte) (err error) {
		out, err = decode(record)
		return err
	})
	return out, err
}

// decoded returns the record at an iterator's position.
func decoded[T any](it *badger.Iterator, decode func(record []byte) (T, error)) (out T, err error) {
	err = it.Item().Value(func(record []byte) error {
		out, err = decode(record)
		return err
	})
	return out, err
}

// has reports whether a key exists.
func has(tx *badger.Txn, key []byte) (bool, error) {
	_, err := tx.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	return err == nil, err
}

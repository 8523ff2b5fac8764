package engine

import (
	"bytes"
	"math"

	badger "github.com/dgraph-io/badger/v4"
)

// Unlimited is the allowance of a scan that may pass any number of removed keys.
const Unlimited = math.MaxInt

// Step is the result of one step of a scan.
type Step int

// The results of a step, in an order on which merged lists depend: of two that stand
// at the same key, one that found it comes before one that stopped there.
const (
	Ended   Step = iota // no key is left
	Found               // Key and Value hold a key
	Stopped             // the allowance is used up, and Key holds a removed key
)

// Backward scans keys from the largest down. It looks at every version of a key, so
// that it can stop after an allowance of removed keys and at the end of a prefix.
// Badger's own descending iterator passes removed keys without bound, and runs past
// the prefix's end.
type Backward struct {
	// Key and Value are valid until the next step.
	Key, Value []byte

	it *badger.Iterator
}

// NewBackward begins a scan of the keys with a prefix. The caller must close it before
// the transaction ends, and Seek before the first Next.
func NewBackward(tx *badger.Txn, prefix []byte) *Backward {
	return &Backward{it: tx.NewIterator(badger.IteratorOptions{Prefix: prefix, Reverse: true, AllVersions: true})}
}

// Close ends the scan.
func (b *Backward) Close() { b.it.Close() }

// Seek moves to the largest key that is not above key.
func (b *Backward) Seek(key []byte) { b.it.Seek(key) }

// Next steps to the next existing key with the prefix, which may be longer than the
// scan's. Each removed key on the way takes one off allowance.
func (b *Backward) Next(prefix []byte, allowance *int) Step {
	for b.it.ValidForPrefix(prefix) {
		if b.readNewest() {
			return Found
		}
		if *allowance--; *allowance <= 0 {
			return Stopped
		}
	}
	return Ended
}

// readNewest reads the newest version of the key at which the iterator stands, moves
// past the key, and reports whether the key exists. Versions come oldest first.
func (b *Backward) readNewest() bool {
	b.Key = b.it.Item().KeyCopy(b.Key)
	exists := false
	for ; b.it.Valid(); b.it.Next() {
		item := b.it.Item()
		if !bytes.Equal(item.Key(), b.Key) {
			break
		}
		if exists = !item.IsDeletedOrExpired(); exists {
			b.Value, _ = item.ValueCopy(b.Value) // values are stored inline: this cannot fail
		}
	}
	return exists
}

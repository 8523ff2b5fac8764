package badgerstore

import (
	"bytes"
	"math"

	badger "github.com/dgraph-io/badger/v4"
)

// forward opens an iterator over the keys with a prefix, ascending. It reads
// values on demand, and stops at the prefix's end.
func forward(tx *badger.Txn, prefix []byte) *badger.Iterator {
	return tx.NewIterator(badger.IteratorOptions{Prefix: prefix})
}

// unbounded is an allowance for scans of spaces that hold few removed keys.
const unbounded = math.MaxInt

// sight is what a step of a scan came upon.
type sight int

const (
	ended   sight = iota // no key is left
	found                // a key, with its value
	stopped              // the allowance is used up at a key that is gone
)

// backwards reads keys from the largest down. Badger's own descending iterator
// would run through removed keys without bound, and past the prefix's end; this
// one looks at every version and so can stop.
type backwards struct {
	it         *badger.Iterator
	key, value []byte
}

func newBackwards(tx *badger.Txn, prefix []byte) *backwards {
	return &backwards{it: tx.NewIterator(badger.IteratorOptions{Prefix: prefix, Reverse: true, AllVersions: true})}
}

func (b *backwards) close() { b.it.Close() }

// seek goes to the largest key up to this one.
func (b *backwards) seek(key []byte) { b.it.Seek(key) }

// next steps to the next key with the prefix that is there, which key and value
// then hold. Each removed key on the way takes one off allowance.
func (b *backwards) next(prefix []byte, allowance *int) sight {
	for b.it.ValidForPrefix(prefix) {
		there := b.newest()
		if there {
			return found
		}
		if *allowance--; *allowance <= 0 {
			return stopped
		}
	}
	return ended
}

// newest reads the newest version of the key at hand, and goes past it. Versions
// come oldest first. It tells whether the key is there.
func (b *backwards) newest() bool {
	b.key = b.it.Item().KeyCopy(b.key)
	there := false
	for ; b.it.Valid(); b.it.Next() {
		item := b.it.Item()
		if !bytes.Equal(item.Key(), b.key) {
			break
		}
		if there = !item.IsDeletedOrExpired(); there {
			b.value, _ = item.ValueCopy(b.value) // inline: cannot fail
		}
	}
	return there
}

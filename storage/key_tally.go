package storage

import (
	"maps"
	"slices"

	"github.com/corpastro/astrohook/webhook"
)

// KeyTally counts by how much a transaction alters the number of endpoints under each key.
// The zero value is empty.
type KeyTally struct {
	changes map[string]int64
	checks  map[string][]byte // of keys that endpoints move to
}

// Move takes an endpoint from one key to another; one without KeyID stands for none.
func (t *KeyTally) Move(from, to webhook.SealedValues) {
	if from.KeyID == to.KeyID {
		return
	}
	if t.changes == nil {
		t.changes, t.checks = map[string]int64{}, map[string][]byte{}
	}
	t.changes[from.KeyID]--
	t.changes[to.KeyID]++
	t.checks[to.KeyID] = to.Check
}

// Each calls write for each key that has gained or lost endpoints, with by how many and,
// for one that has gained some, its check. It goes by ID, so that no two transactions wait
// for each other, and stops with write's error.
func (t *KeyTally) Each(write func(id string, by int64, check []byte) error) error {
	for _, id := range slices.Sorted(maps.Keys(t.changes)) {
		// Endpoints without values have no key; a key that lost and gained as many stays.
		if by := t.changes[id]; id != "" && by != 0 {
			if err := write(id, by, t.checks[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

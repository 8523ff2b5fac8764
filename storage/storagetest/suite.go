// Package storagetest holds the conformance suite that every storage.Store passes,
// and Faulty, a store that fails on command.
package storagetest

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
)

// Backend is a kind of store under test.
type Backend struct {
	// Open opens the store in a directory, which is empty at first. If the store
	// seals secrets, it does so with another key each time, and has the older ones.
	Open func(Config) (storage.Store, error)
	// Persistent: what was stored is there after Close and Open. The suite then
	// looks at everything twice, once before and once after.
	Persistent bool
}

// Config says how a test wants its store.
type Config struct {
	Dir       string
	Retention time.Duration
}

// test is one property; its name is a sentence part that reads on from "a store …".
type test struct {
	name string
	run  func(*fixture)
	// bubble: the property is about time, and is tested in a synctest bubble.
	bubble bool
}

// Run checks every sentence of package storage's interface.
func Run(t *testing.T, b Backend) {
	groups := map[string][]test{
		"endpoints":  endpointTests,
		"secretKeys": secretKeyTests,
		"eventTypes": eventTypeTests,
		"access":     accessTests,
		"accept":     acceptTests,
		"keys":       keyTests,
		"settle":     settleTests,
		"attempts":   attemptTests,
		"queue":      queueTests,
		"schedule":   scheduleTests,
		"list":       listTests,
		"change":     changeTests,
		"bulk":       bulkTests,
		"backlog":    backlogTests,
		"wake":       wakeTests,
		"reap":       reapTests,
		"order":      orderTests,
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			for _, one := range tests {
				t.Run(one.name, func(t *testing.T) { one.start(t, b) })
			}
		})
	}
}

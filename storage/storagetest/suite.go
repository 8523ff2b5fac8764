// Package storagetest holds the conformance suite that every storage.Store passes,
// and Faulty, a store that fails on command.
//
// The suite checks what package storage promises, through the interface alone. Tests
// that look at files, keys or records belong to the backend that has them.
package storagetest

import (
	"testing"
	"time"

	"github.com/corpastro/astrohook/storage"
)

// Backend is a kind of store under test.
type Backend struct {
	// Open opens the store in a directory, which is empty at first. If the store
	// encrypts secrets, each Open must put another key first and keep the older ones.
	Open func(Config) (storage.Store, error)
	// Persistent says that records survive Close and Open. The suite then looks at
	// everything twice, once before and once after a restart.
	Persistent bool
}

// Config says how a test wants its store.
type Config struct {
	Dir       string
	Retention time.Duration
}

// test is one property. Its name completes the sentence "a store …".
type test struct {
	name string
	run  func(*fixture)
	// bubble says that the property is about time: it is tested in a synctest bubble.
	bubble bool
}

// Run checks every promise of package storage's interfaces.
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
		"refuse":     refuseTests,
		"races":      raceTests,
		"results":    resultTests,
		"orphans":    orphanTests,
		"pages":      pageTests,
		"transition": transitionTests,
		"counts":     countTests,
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			for _, one := range tests {
				t.Run(one.name, func(t *testing.T) { one.start(t, b) })
			}
		})
	}
}

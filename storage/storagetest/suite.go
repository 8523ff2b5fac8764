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
	"github.com/corpastro/astrohook/webhook"
)

// Backend is a kind of store under test.
type Backend struct {
	// Open opens the store in a directory, which is empty at first. If the store
	// encrypts secrets, each Open must put another key first and keep the older ones.
	Open func(Config) (storage.Store, error)
	// Persistent says that records survive Close and Open. The suite then looks at
	// everything twice, once before and once after a restart.
	Persistent bool
	// Remote says that a network is between the store and its records. A test in a
	// synctest bubble may not wait for a network, so tests about time set the clock that
	// Config.Now reads. Dones are then ordered only for settlements and gates of one
	// endpoint.
	Remote bool
	// Retention is for tests about time; a minute if it is 0.
	Retention time.Duration
	// LastEndpoint is the largest number of an endpoint; that of its type if it is 0.
	LastEndpoint webhook.EndpointNumber
	// Overdue is by how much longer than the retention the store may keep what has
	// expired, because it removes a whole day at once, for example. What has expired may
	// be readable until then.
	Overdue time.Duration
}

// Config says how a test wants its store.
type Config struct {
	// Dir is an empty directory, the test's own. It names the store, too: Open is called
	// with the same Dir again in order to find the records of the last store.
	Dir       string
	Retention time.Duration
	// Now returns the present time for everything that the store dates or expires; nil
	// for that of the process.
	Now func() time.Time
	// Node numbers the stores that are open on the same Dir at the same time, from 0.
	Node int
	// Network is between the store and its records, if SharedBackend.Network made one.
	Network Network
	// Test is the test that needs the store. With its Cleanup a backend removes what it
	// keeps outside of Dir.
	Test testing.TB
}

// test is one property. Its name completes the sentence "a store …".
type test struct {
	name string
	run  func(*fixture)
	// timed says that the property is about time, which passes by fixture.sleep.
	timed bool
}

// Run checks every promise of package storage's interfaces.
func Run(t *testing.T, b Backend) {
	groups := map[string][]test{
		"endpoints":  endpointTests,
		"secretKeys": secretKeyTests,
		"eventTypes": eventTypeTests,
		"access":     accessTests,
		"grants":     grantTests,
		"audit":      auditTests,
		"figures":    figureTests,
		"accept":     acceptTests,
		"keys":       keyTests,
		"settle":     settleTests,
		"attempts":   attemptTests,
		"queue":      queueTests,
		"schedule":   scheduleTests,
		"list":       listTests,
		"eventList":  eventListTests,
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
		"jobs":       jobTests,
		"missing":    missingTests,
	}
	for group, tests := range groups {
		t.Run(group, func(t *testing.T) {
			for _, one := range tests {
				t.Run(one.name, func(t *testing.T) { one.start(t, b) })
			}
		})
	}
}

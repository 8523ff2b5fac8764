//go:build race

package actors

// raceEnabled: tests run under the race detector, which makes them slow.
const raceEnabled = true

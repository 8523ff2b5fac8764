//go:build race

package inbound

// raceDetector reports whether the race detector is on, which allocates too.
const raceDetector = true

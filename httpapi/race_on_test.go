//go:build race

package httpapi

// raceDetector reports whether the race detector is on, which allocates memory itself.
const raceDetector = true

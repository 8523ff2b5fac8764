//go:build !race

package httpapi

// raceDetector tells that the race detector is on; it allocates too.
const raceDetector = false

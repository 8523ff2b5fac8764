//go:build !race

package eventinput

// raceDetector reports whether the race detector is on, which allocates memory itself.
const raceDetector = false

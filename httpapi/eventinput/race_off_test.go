//go:build !race

package eventinput

// raceDetector tells that the race detector is on; it allocates too.
const raceDetector = false

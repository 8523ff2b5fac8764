//go:build !race

package lane

// raceEnabled: tests run under the race detector, which makes them slow.
const raceEnabled = false

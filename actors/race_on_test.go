//go:build race

package actors

// raceEnabled reports whether the race detector is on, which makes tests slow.
const raceEnabled = true

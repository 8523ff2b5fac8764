//go:build race

package canonicaljson

// poolAllocations is how many allocations for one call the race detector can
// cause on average: it makes sync.Pool drop some of what it holds.
const poolAllocations = 12

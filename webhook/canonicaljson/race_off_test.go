//go:build !race

package canonicaljson

// poolAllocations: see race_on_test.go.
const poolAllocations = 0

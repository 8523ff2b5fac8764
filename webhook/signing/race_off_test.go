//go:build !race

package signing

// poolAllocations: see race_on_test.go.
const poolAllocations = 0

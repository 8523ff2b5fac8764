//go:build !race

package webhook

// poolAllocations: see race_on_test.go.
const poolAllocations = 0

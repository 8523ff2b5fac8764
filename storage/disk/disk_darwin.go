package disk

import "errors"

// Missing is what this system cannot do for storage, as part of a sentence; empty for nothing.
const Missing = "disk blocks are not reserved in advance: other programs can fill the disk up to where storage has to stop"

// Allocate fails here.
func Allocate(string, int64) error { return errors.ErrUnsupported }

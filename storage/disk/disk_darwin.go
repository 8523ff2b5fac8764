package disk

import "errors"

// Missing is what this system cannot do for storage, as a clause for a log line; "" for
// nothing.
const Missing = "disk blocks are not reserved in advance: other programs can fill the disk up to where storage has to stop"

// Allocate fails on this system. It has a call of its own (F_PREALLOCATE) that
// nobody has tried with storage.
func Allocate(string, int64) error { return errors.ErrUnsupported }

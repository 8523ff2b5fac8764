package jsonbody

// Faults collects what is wrong with an input, so that one answer names all of it. The
// zero value is empty.
type Faults []error

// Add adds an error; nil adds nothing.
func (f *Faults) Add(err error) {
	if err != nil {
		*f = append(*f, err)
	}
}

// Err returns nil if there is no fault, the fault itself if there is one, and otherwise
// the list, as an error.
func (f Faults) Err() error {
	switch len(f) {
	case 0:
		return nil
	case 1:
		return f[0]
	}
	return f
}

// Error returns the text of the first fault. The faults are no chain: errors.Is finds none
// of them in the list, since no single one decides how the input is answered.
func (f Faults) Error() string { return f[0].Error() }

package app

// descriptors shares out the file descriptors that the process may have: a
// quarter for requests to the API, half for connections to receivers, and the
// last quarter for storage and everything else, who leave to requests what is too
// many for them. Half of those to receivers may be used by attempts in flight; what
// these do not need is for idle ones.
type descriptors struct {
	requests, outgoing, attempts int
}

// What is shared out at the most, however many descriptors there are.
const (
	maxRequests = 16384
	maxAttempts = 4096
	maxOutgoing = 32768
	maxRest     = 4096
)

// share shares out so many descriptors.
func share(limit uint64) descriptors {
	quarter := limit / 4
	return descriptors{
		requests: int(min(2*quarter-min(quarter, maxRest), maxRequests)),
		outgoing: int(min(2*quarter, maxOutgoing)),
		attempts: int(min(quarter, maxAttempts)),
	}
}

package app

// descriptors divides the file descriptors that the process may have:
//
//	requests to the API       1/4, and what storage and the rest do not need
//	connections to receivers  1/2, of which attempts in flight may use a half;
//	                          the rest are idle connections that are kept
//	storage and the rest      1/4
type descriptors struct {
	requests, outgoing, attempts int
}

// The most that each gets, however many descriptors there are.
const (
	maxRequests = 16384
	maxAttempts = 4096
	maxOutgoing = 32768
	maxRest     = 4096
)

// share divides a number of descriptors.
func share(limit uint64) descriptors {
	quarter := limit / 4
	return descriptors{
		requests: int(min(2*quarter-min(quarter, maxRest), maxRequests)),
		outgoing: int(min(2*quarter, maxOutgoing)),
		attempts: int(min(quarter, maxAttempts)),
	}
}

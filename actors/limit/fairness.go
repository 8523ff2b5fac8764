package limit

// fairness is how many times what is free beyond the reserve one client may hold. The
// reserve is one part in as many of the pool.
const fairness = 16

// mayHold reports whether a client with some load may take one more unit of a pool of size
// units, of which some are free.
//
// A client may hold 16 times as many units as are free beyond the reserve, and a 16th of
// all that are free. So one client alone can use about seven eighths of a pool, and the
// more others hold, the less is left for each. When only the reserve is left every client
// gets little, so that many can still come after those that took all they could get. A
// client that holds nothing finds a unit as long as one is free.
//
// These are the dynamic thresholds of Choudhury and Hahne ("Dynamic Queue Length
// Thresholds for Shared-Memory Packet Switches", 1998), with a reserve.
func mayHold[T int | int64](load, free, size T) bool {
	return free > 0 && fairness*load < free+fairness*fairness*max(free-size/fairness, 0)
}

// loadWith returns the load of a client as it counts for one endpoint of it, which holds
// some of the client's units and wants one more.
//
// The rule of mayHold applies once more within what the client could have: an endpoint may
// hold 16 times as many units as the client can take beyond a 16th of what it could hold,
// and a 16th of all that it can take. The client can take a 17th of the difference between
// its load and its threshold, because each unit that it takes lowers the threshold by 16.
// Solved for the threshold that the endpoint needs, that is this function.
func loadWith[T int | int64](client, held T) T {
	const unit = fairness * (fairness + 1)
	if within := unit * held; (fairness-1)*within <= (fairness+1)*client {
		return client + within
	}
	return client + unit*(held+client)/(1+fairness*(fairness-1))
}

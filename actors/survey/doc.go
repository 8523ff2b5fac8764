// Package survey sums up how all endpoints are doing, for metrics and overviews, in memory
// that is bounded and without a read of storage of its own.
//
// What belongs here: the numbers of endpoints by status ([Survey.Registered]), the tally of
// those that failed lately ([Survey.Attempted]), what the watchdog sees on its rounds
// ([Round]), the few endpoints that stand out and the
// longer lists in order ([Findings], [Survey.Failing]), a day of minutes ([Survey.Series]), and
// all of that as metrics. Time is an argument, except for a scrape. The methods are safe
// for concurrent use; a Round belongs to one goroutine.
//
// What does not: reads of storage, actors, and counters of single events and attempts.
package survey

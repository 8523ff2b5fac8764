package schema

// Distribution names the data tables, which grow with what is published, and the column
// by which a distributed PostgreSQL spreads the rows of each. It is in the table's primary
// key, every statement on the table names it, and no statement joins two of these tables:
// so each statement goes to one server for each of its rows. Tests of this package and of
// pgstore check that. All other tables are small, and stay on one server.
var Distribution = map[string]string{
	"queued": "part", "retrying": "part", "done": "part", "attempt": "part", "gate": "part",
	"event": "seq", "event_kept": "seq", "unfinished": "seq",
	"idem": "key",
}

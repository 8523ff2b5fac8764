package badgerstore

import "time"

// forgetInterval is how often the pages of the tables are given back, as long as
// there are commits. Tables are read through mapped memory, which would grow by
// all that is ever read.
const forgetInterval = 2 * time.Second

// forgetTables gives the pages back if it is time; only the committer calls it.
func (s *Store) forgetTables(now time.Time) {
	if !patched || now.Sub(s.forgot) < forgetInterval || s.enter() != nil {
		return
	}
	s.forgot = now
	go func() {
		defer s.leave() // Close waits for it
		forgetTables(s.db)
	}()
}

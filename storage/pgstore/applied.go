package pgstore

// applied updates what is kept in memory by committed moves, before anybody is told.
func (s *Store) applied(moves []move) {}

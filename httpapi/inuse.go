package httpapi

import "sync"

// inUse counts what each of many has in use, up to a limit.
type inUse struct {
	limit int
	mu    sync.Mutex
	of    map[string]int
}

func newInUse(limit int) *inUse { return &inUse{limit: limit, of: map[string]int{}} }

// take adds one, unless there are as many as may be.
func (u *inUse) take(who string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[who] >= u.limit {
		return false
	}
	u.of[who]++
	return true
}

// give takes one off.
func (u *inUse) give(who string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[who]--; u.of[who] <= 0 {
		delete(u.of, who)
	}
}

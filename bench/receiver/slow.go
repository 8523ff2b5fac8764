package receiver

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// SoonestAnswer is how long a slow endpoint takes to answer, at least.
const SoonestAnswer = 8 * time.Second

// Each request takes slowStep longer than the one before, up to latestAnswer, and then
// from SoonestAnswer again: thousands of answers in one instant would measure the
// processor.
const (
	latestAnswer = 9 * time.Second
	slowStep     = 7 * time.Millisecond
)

// slowEndpoints answer at once, or late when they are told to be. Their deliveries are
// a burden on the server, and no part of the tally.
type slowEndpoints struct {
	late          atomic.Bool
	started, open atomic.Int64
}

// SlowCounts is how the slow endpoints are doing.
type SlowCounts struct {
	// Started counts the requests so far, Open those that wait for their answers.
	Started int64 `json:"started"`
	Open    int64 `json:"open"`
}

// answer answers 200, at once or late.
func (s *slowEndpoints) answer(ctx *fasthttp.RequestCtx) {
	n := s.started.Add(1)
	s.open.Add(1)
	defer s.open.Add(-1)
	if s.late.Load() {
		time.Sleep(delay(n))
	}
	ctx.SetStatusCode(fasthttp.StatusOK)
}

// delay is how long the n-th request waits for its answer.
func delay(n int64) time.Duration {
	return SoonestAnswer + time.Duration(n)*slowStep%(latestAnswer-SoonestAnswer)
}

// control makes the endpoints late or not, unless the body is empty, and returns the counts.
func (s *slowEndpoints) control(body []byte) (any, error) {
	if len(body) > 0 {
		var late bool
		if err := json.Unmarshal(body, &late); err != nil {
			return nil, fmt.Errorf("read whether to be late: %w", err)
		}
		s.late.Store(late)
	}
	return SlowCounts{Started: s.started.Load(), Open: s.open.Load()}, nil
}

package httpapi

import (
	"errors"
	"fmt"

	"github.com/corpastro/astrohook/webhook"
)

// maxReplays bounds the replays that one caller has under way: each of them writes
// without a pause.
const maxReplays = 4

// underWay bounds what callers have under way, each of them and all together.
type underWay struct {
	// requests are those that were authorised.
	requests *webhook.Shares
	replays  *inUse
}

func newUnderWay(connections int) underWay {
	return underWay{requests: webhook.NewShares(int64(connections)), replays: newInUse(maxReplays)}
}

// begin takes a caller's request on; end is to be called when it was answered.
func (u *underWay) begin(who *Principal) error {
	if err := u.requests.Take(who.account, 1); err != nil {
		return crowdedOut(err, "requests are under way")
	}
	return nil
}

func (u *underWay) end(who *Principal) { u.requests.Give(who.account, 1) }

// crowdedOut is the answer to one who holds as much as it may, or comes while all
// together do; what names it, and goes on from "too many".
func crowdedOut(err error, what string) error {
	p := newProblem(codeUnavailable, "too many "+what)
	if errors.Is(err, webhook.ErrShareUsed) {
		p = newProblem(codeTooMany, fmt.Sprintf("too many of this caller's %s; send again when some are done", what))
	}
	p.retryAfter, p.cause = defaultRetryAfter, err
	return p
}

package httpapi

import (
	"crypto/sha256"

	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/canonicaljson"
)

// documentHash is the same for two documents that are the same JSON: white space and
// the order of members mean nothing. A text that Canonical refuses is compared as it is.
func documentHash(text []byte) [sha256.Size]byte {
	canonical, err := canonicaljson.Append(nil, text)
	if err != nil {
		return sha256.Sum256(text)
	}
	document := webhook.Event{Data: canonical}
	identity := document.Identity()
	return sha256.Sum256(identity[:])
}

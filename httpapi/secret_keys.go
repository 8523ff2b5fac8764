package httpapi

import (
	"fmt"

	"github.com/valyala/fasthttp"
)

// secretKeyResource is a key that encrypts secrets on disk, as the API shows it:
// never with the key itself.
type secretKeyResource struct {
	ID     string `json:"id"`
	Writes bool   `json:"writes"`
	// Webhooks is how many webhooks' secrets it encrypts.
	Webhooks int64 `json:"webhooks"`
}

// listSecretKeys tells how much each key still encrypts. The list is one page.
func (s *Server) listSecretKeys(ctx *fasthttp.RequestCtx, _ *Principal) error {
	keys, err := s.store.SecretKeys()
	if err != nil {
		return fmt.Errorf("read secret keys: %w", err)
	}
	out := page[secretKeyResource]{Data: []secretKeyResource{}}
	for _, k := range keys {
		out.Data = append(out.Data, secretKeyResource{ID: k.ID, Writes: k.Writes, Webhooks: k.Endpoints})
	}
	return answer(ctx, fasthttp.StatusOK, out)
}

// reencryptStep is how many webhooks one call encrypts anew, at the most: what
// one transaction takes without holding up events for long.
const reencryptStep = 500

// reencryptResource tells how far it came.
type reencryptResource struct {
	Reencrypted int   `json:"reencrypted"`
	Remaining   int64 `json:"remaining"`
}

// reencrypt encrypts some secrets with the key that writes. It is called again
// until none remains.
func (s *Server) reencrypt(ctx *fasthttp.RequestCtx, _ *Principal) error {
	call, cancel := s.call()
	defer cancel()
	var out reencryptResource
	var err error
	if out.Reencrypted, err = s.store.Reencrypt(call, reencryptStep); err != nil {
		return fmt.Errorf("reencrypt: %w", err)
	}
	keys, err := s.store.SecretKeys()
	if err != nil {
		return fmt.Errorf("read secret keys: %w", err)
	}
	for _, k := range keys {
		if !k.Writes {
			out.Remaining += k.Endpoints
		}
	}
	return answer(ctx, fasthttp.StatusOK, out)
}

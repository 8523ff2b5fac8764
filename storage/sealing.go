package storage

import (
	"context"

	"github.com/corpastro/astrohook/webhook"
)

// SecretKeys are the keys that encrypt the values of endpoints' secrets and headers.
// A store that keeps nothing on disk has none.
type SecretKeys interface {
	// SecretKeys returns all keys, the one that encrypts new values first, with the
	// number of endpoints that each of them encrypts.
	SecretKeys(ctx context.Context) ([]webhook.SecretKey, error)
	// Reencrypt encrypts endpoints again whose key is not the one that encrypts new
	// values, up to limit of them in one transaction, continuing after those of the
	// last call. It returns how many; 0 does not mean that none is left, which
	// SecretKeys shows. Nothing else about the endpoints changes.
	Reencrypt(ctx context.Context, limit int) (int, error)
}

// Sealing is what package sealed needs of a backend in order to encrypt the values
// of endpoints before they are stored. To the backend a key is a name, and an
// encrypted value is bytes: see webhook.SealedValues.
type Sealing interface {
	// CreateNumbered is CreateEndpoint with a last change: finish is called once the
	// endpoint has its number, before it is stored, because values are bound to the
	// whole ID. If finish returns an error, nothing is stored.
	CreateNumbered(ctx context.Context, e webhook.Endpoint, finish func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	// KeyUses returns each key that encrypts the values of any endpoint, by ID.
	KeyUses(ctx context.Context) ([]KeyUse, error)
	// Reseal replaces the sealed values of endpoints that another key than r.KeyID
	// encrypts, in one transaction, and returns how many. next is the number from
	// which the next call continues; 0 after the last endpoint. A call may do less
	// than r.Limit, also nothing, without being at the end. Revisions stay.
	Reseal(ctx context.Context, r Resealing) (done int, next webhook.EndpointNumber, err error)
}

// KeyUse is a key that encrypts the values of some endpoints.
type KeyUse struct {
	KeyID     string
	Endpoints int64
	// Check is the SealedValues.Check that came with the first of these endpoints.
	Check []byte
}

// Resealing is one step of encrypting endpoints again.
type Resealing struct {
	KeyID string // endpoints under this key stay as they are
	From  webhook.EndpointNumber
	Limit int
	// Seal returns the new sealed values of a stored endpoint.
	Seal func(webhook.Endpoint) (webhook.SealedValues, error)
}

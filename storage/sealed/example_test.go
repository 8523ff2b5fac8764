package sealed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/storage/memstore"
	"github.com/corpastro/astrohook/storage/sealed"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// ringOf returns keys for the examples. Real ones are random.
func ringOf(ids ...string) *keyring.Keyring {
	var keys []keyring.Key
	for _, id := range ids {
		key, err := keyring.Generate(id, strings.NewReader(strings.Repeat(id, keyring.KeySize)))
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	ring, err := keyring.New(keys...)
	if err != nil {
		panic(err)
	}
	return ring
}

// The backend keeps the name of a key and bytes; whoever reads through the sealed store
// sees the values.
func Example() {
	backend := memstore.Open(memstore.Options{})
	defer func() { _ = backend.Close() }()
	store, err := sealed.New(backend, ringOf("2026"))
	if err != nil {
		panic(err)
	}
	e, err := store.CreateEndpoint(context.Background(), webhook.Endpoint{
		ID: webhook.ID{Seq: 1}, ClientID: "acme", Secrets: []signing.Secret{{Value: "whsec_nobody_sees_this"}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("read:", e.Secrets[0].Value)

	stored, err := backend.Endpoint(context.Background(), e.Number())
	fmt.Printf("stored: %q under key %s, error %v\n", stored.Secrets[0].Value, stored.Sealed.KeyID, err)
	// Output:
	// read: whsec_nobody_sees_this
	// stored: "" under key 2026, error <nil>
}

// A new key goes to the front of the ring. Reencrypt moves endpoints to it in steps;
// once SecretKeys shows that the old one encrypts nothing, it can be taken out.
func ExampleStore_Reencrypt() {
	backend := memstore.Open(memstore.Options{})
	defer func() { _ = backend.Close() }()
	ctx := context.Background()
	old, err := sealed.New(backend, ringOf("2026"))
	if err != nil {
		panic(err)
	}
	for seq := range uint64(3) {
		_, err := old.CreateEndpoint(ctx, webhook.Endpoint{ID: webhook.ID{Seq: seq + 1}, Secrets: []signing.Secret{{Value: "secret"}}})
		if err != nil {
			panic(err)
		}
	}

	store, err := sealed.New(backend, ringOf("2027", "2026"))
	if err != nil {
		panic(err)
	}
	for range 2 {
		done, err := store.Reencrypt(ctx, 2)
		fmt.Println("encrypted again:", done, err)
	}
	keys, err := store.SecretKeys(ctx)
	for _, k := range keys {
		fmt.Println(k.ID, k.Writes, k.Endpoints, err)
	}
	// Output:
	// encrypted again: 2 <nil>
	// encrypted again: 1 <nil>
	// 2027 true 3 <nil>
	// 2026 false 0 <nil>
}

// A store whose key is missing does not start: each delivery would fail otherwise.
func ExampleKeyError() {
	backend := memstore.Open(memstore.Options{})
	defer func() { _ = backend.Close() }()
	store, err := sealed.New(backend, ringOf("2026"))
	if err != nil {
		panic(err)
	}
	_, err = store.CreateEndpoint(context.Background(), webhook.Endpoint{ID: webhook.ID{Seq: 1}, Secrets: []signing.Secret{{Value: "secret"}}})
	if err != nil {
		panic(err)
	}
	_, err = sealed.New(backend, ringOf("2027"))
	missing, ok := errors.AsType[*sealed.KeyError](err)
	fmt.Println(ok, missing.ID, missing.Endpoints, errors.Is(err, keyring.ErrUnknownKey))
	// Output: true 2026 1 true
}

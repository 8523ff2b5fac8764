package keyring_test

import (
	"crypto/rand"
	"fmt"

	"github.com/corpastro/astrohook/storage/keyring"
)

// A new key is put in front of the older ones: it seals from then on, and what they
// sealed still opens.
func Example() {
	old, err := keyring.Generate("2025", rand.Reader)
	if err != nil {
		panic(err)
	}
	young, err := keyring.Generate("2026", rand.Reader)
	if err != nil {
		panic(err)
	}
	before, err := keyring.New(old)
	if err != nil {
		panic(err)
	}
	id, sealed := before.Seal([]byte("a secret"), []byte("wh_1"))

	after, err := keyring.New(young, old)
	if err != nil {
		panic(err)
	}
	plain, err := after.Open(id, sealed, []byte("wh_1"))
	fmt.Println(after.Writing(), id, string(plain), err)

	_, err = after.Open(id, sealed, []byte("wh_2"))
	fmt.Println(err)
	// Output:
	// 2026 2025 a secret <nil>
	// key "2025": what was sealed has been changed
}

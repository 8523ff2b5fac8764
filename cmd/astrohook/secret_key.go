package main

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/storage/keyring"
)

// secretKeyCommand makes a key for the setting secret-keys. It needs no server.
type secretKeyCommand struct {
	ID string `placeholder:"ID" help:"Id of the key, different from those in use. Default: a random one."`
}

// Run prints a new key for secret-keys.
func (c *secretKeyCommand) Run(std streams) error {
	// 35 random bits: the ids of a server's few keys must differ, not be secret.
	if c.ID == "" {
		c.ID = "k" + strings.ToLower(rand.Text()[:7])
	}
	key, err := keyring.Generate(c.ID, rand.Reader)
	if err != nil {
		return settings.Misuse("the key " + err.Error())
	}
	_, err = fmt.Fprintln(std.Out, key.Text())
	return err
}

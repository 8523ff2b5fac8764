package record

import (
	"encoding/binary"

	"github.com/corpastro/astrohook/webhook"
)

// EncodeGrant returns the record of a session or a link. It holds a hash of the secret
// only. The logo is left out: it can be large, and lists do not need it.
func EncodeGrant(g *webhook.Grant) []byte {
	dst := append(appendString([]byte{recordVersion}, g.ID), byte(g.Kind))
	dst = append(dst, g.Hash[:]...)
	for _, text := range []string{g.Parent, g.KeyID, g.ClientID, g.Subject, g.Brand.Name, g.Brand.Color, g.MadeBy, g.UsedBy} {
		dst = appendString(dst, text)
	}
	dst = binary.AppendUvarint(dst, uint64(len(g.Scopes)))
	for _, scope := range g.Scopes {
		dst = appendString(dst, scope)
	}
	dst = appendDuration(appendTime(appendTime(dst, g.CreatedAt), g.ExpiresAt), g.SessionLifetime)
	return appendTime(appendTime(dst, g.UsedAt), g.KeptUntil)
}

// DecodeGrant reads what EncodeGrant wrote.
func DecodeGrant(record []byte) (webhook.Grant, error) {
	d := newDecoder(record)
	g := webhook.Grant{ID: d.string(), Kind: webhook.GrantKind(d.byte())}
	if len(d.rest) < len(g.Hash) {
		d.fail()
		return g, d.err
	}
	d.rest = d.rest[copy(g.Hash[:], d.rest):]
	for _, text := range []*string{&g.Parent, &g.KeyID, &g.ClientID, &g.Subject, &g.Brand.Name, &g.Brand.Color, &g.MadeBy, &g.UsedBy} {
		*text = d.string()
	}
	for range d.count() {
		g.Scopes = append(g.Scopes, d.string())
	}
	g.CreatedAt, g.ExpiresAt, g.SessionLifetime = d.time(), d.time(), d.duration()
	g.UsedAt, g.KeptUntil = d.time(), d.time()
	return g, d.err
}

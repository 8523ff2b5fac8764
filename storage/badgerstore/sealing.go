package badgerstore

import (
	"errors"

	"github.com/corpastro/astrohook/storage/keyring"
	"github.com/corpastro/astrohook/webhook"
)

// errNoKeys: Options.Keys was not given.
var errNoKeys = errors.New("the store was opened without the keys of its secrets")

// seal makes the record of an endpoint. What is sealed is the values of the
// secrets and then those of the headers, each with its length in front.
func seal(keys *keyring.Keyring, e *webhook.Endpoint) (endpointRecord, error) {
	record := endpointRecord{Endpoint: e.WithoutSecrets()}
	if len(e.Secrets)+len(e.Headers) == 0 {
		return record, nil
	}
	if keys == nil {
		return record, errNoKeys
	}
	var values []byte
	for _, s := range e.Secrets {
		values = appendString(values, s.Value)
	}
	for _, h := range e.Headers {
		values = appendString(values, h.Value)
	}
	record.keyID, record.sealed = keys.Seal(values, ownerOf(e))
	clear(values)
	return record, nil
}

// open gives the endpoint with its secrets.
func (r *endpointRecord) open(keys *keyring.Keyring) (webhook.Endpoint, error) {
	e := r.WithoutSecrets()
	if r.keyID == "" {
		return e, nil
	}
	if keys == nil {
		return e, errNoKeys
	}
	values, err := keys.Open(r.keyID, r.sealed, ownerOf(&e))
	if err != nil {
		return e, err
	}
	d := decoder{rest: values}
	for i := range e.Secrets {
		e.Secrets[i].Value = d.string()
	}
	for i := range e.Headers {
		e.Headers[i].Value = d.string()
	}
	clear(values)
	return e, d.err
}

// ownerOf is what an endpoint's secrets are bound to: its ID and then its client's.
// Moved to another endpoint they do not open.
func ownerOf(e *webhook.Endpoint) []byte {
	return append(e.ID.AppendTo(nil), e.ClientID...)
}

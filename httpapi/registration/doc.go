// Package registration is a webhook as its client writes and reads it: the JSON that
// registers, replaces or changes an endpoint (Input, Change), the JSON that shows it
// (Resource), and the bounds of every field.
//
// # To add a setting
//
// A setting takes one file here. A plain one goes into fields.go: a member of Input, one
// of Resource, what is refused into Input.check, how it changes the endpoint into
// Input.apply, what PUT sets it back to into reset, how it is shown into Show. What belongs
// to the receiver's connection stands in receiver.go, numbers with a default of the server
// in settings.go, in the same order. TestEveryField fails until it has an example.
//
// Here belongs what can be said about an endpoint by its fields. Who may change it, whether
// the target URL's address is allowed, how it is stored and who hears of it belong to
// httpapi. The meaning of the settings belongs to package webhook.
//
// A JSON member can be absent, null, or have a value. PATCH leaves what is absent and sets
// null back to the default (RFC 7396); PUT sets both back. An input with several faults is
// refused with all of them (jsonbody.Faults).
package registration

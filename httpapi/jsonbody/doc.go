// Package jsonbody reads the JSON object in a request's body into a Go value,
// strictly: an unknown member, a repeated one, invalid UTF-8 or nesting that is too
// deep is an error, and every error is a *webhook.FieldError that names the member by
// its path (retry_policy.max_attempts, event_types[3]).
//
// Here belong the rules that hold for every call with a JSON body: what an absent member and
// null mean, that a client may send back what it was shown, that one answer names all
// faults, and the words in which a caller reads them. What one call's members mean belongs to
// the file of that call in httpapi. Events have a reader of their own, httpapi/eventinput,
// because they arrive by the thousand and their data is kept byte for byte.
package jsonbody

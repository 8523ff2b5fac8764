// Package eventinput reads posted events: from the bytes of a request's body to the
// members of an event, each event of a batch by itself.
//
// A scanner walks over the bytes once, by brackets and quotes only, and finds where each
// member begins and ends and what the canonical form of its value will need
// (canonicaljson.Skip). It checks nothing else, so it is cheap, and it finds the next event
// behind a broken one: a bad event of a batch fails alone. The methods of Input then check
// each member as they return it. So the bytes of an event are read twice, once by the
// scanner and once by the check that also writes the canonical form, whether the event came
// alone or in a batch. Parsing the JSON in the first walk would make that once, with a JSON
// parser of our own in place of a library's.
//
// Here belongs what can be said of an event by its bytes. Which event types exist, whose
// webhooks the caller may publish to and what happens to the event then belong to
// httpapi. The canonical form of data belongs to webhook/canonicaljson.
//
// Every error is a *webhook.FieldError. It names the member as the publisher sees it, and
// its cause is one of canonicaljson's (ErrSyntax, ErrDuplicateKey, …), ErrTooLarge,
// or nil where the value is well-formed and not allowed.
package eventinput

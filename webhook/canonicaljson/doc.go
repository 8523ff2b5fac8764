// Package canonicaljson writes JSON documents in one form, so that a document has
// the same bytes however its publisher wrote it: the bytes that JavaScript's
// JSON.stringify(JSON.parse(text)) returns, wherever that loses nothing.
//
// A receiver that parses a body and writes it again, in JavaScript or with a
// library that behaves like it, gets the bytes that were signed. RFC 8785 (JCS)
// would be the standard form, but it sorts keys and rounds every number to a
// double; here the publisher's order of keys stays, and so does every digit.
//
// The package holds the form and the errors of documents that have none. Events
// and bodies belong to package webhook. It imports the JSON tokeniser and the
// standard library only.
package canonicaljson

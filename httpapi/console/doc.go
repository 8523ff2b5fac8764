// Package console serves the pages that people open in a browser: the operator's console
// at /ui/, and the same pages for one client at /portal.
//
// The pages are one application, which Vite builds from src into dist/app; the Go build
// embeds what is there. Without it the server shows dist/placeholder.html, which says how
// to build them. Every URL of the pages is relative, so they work under any path prefix,
// and none leads to another host.
//
// What does not belong here: who looks at the pages. They are the same for everybody, and
// fetch all data from the API with the session of whoever is signed in (httpapi/session).
package console

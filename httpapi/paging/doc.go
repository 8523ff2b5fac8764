// Package paging is what the lists of the API share: the cursors with which a list
// continues, and the periods of time that narrow one.
//
// A cursor is authenticated together with the list, its filters and its caller, so that a
// list starts only at places that it returned itself. That keeps callers from reading
// where they may not, and lets the meaning of a place change without breaking anything but
// the pages that are open.
//
// Here belongs what is the same for every list. What a list contains, and how large its
// pages are, belongs to its file in httpapi.
package paging

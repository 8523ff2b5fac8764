// Package guard decides which targets requests may reach. Clients choose the
// targets of their webhooks, so every target counts as hostile until the guard
// admits it.
//
// What belongs here: the rules of target URLs, the table of addresses that are not
// the public internet, the operator's lists, the order in which these are asked,
// and the reason of each refusal in the operator's words. What does not: lookups
// and connections. The package reads the list of the machine's own addresses and
// does no other I/O; who calls Admit brings the resolver, and who dials calls
// CheckConnection.
//
// # Order of the rules
//
//  1. ParseTarget refuses a URL that two programs could read differently.
//  2. Ports and names are checked against the operator's lists. A refused name is
//     never resolved: the lookup itself could inform its owner.
//  3. The name is resolved once, and every answer must pass Check. One refused
//     answer refuses them all, because the caller dials any of them.
//  4. CheckConnection checks address and port once more, right before the socket
//     connects. It holds even if a caller mixes up what it resolved.
//
// Within Check, Deny wins over Allow, and Allow wins over the table and over the
// machine's own addresses.
//
// # Names without DNS
//
// Names under which machines of a private network are usually found (names of one
// label, and names under .local, .internal or .home.arpa) are refused unless the
// operator's Allow list covers every address that they resolve to. "localhost" and
// names under it are never looked up: they stand for 127.0.0.1 and ::1, as far as
// the guard admits these (RFC 6761, section 6.3).
//
// # Limits
//
// The guard cannot know what stands behind an address that it admits, for example
// a reverse proxy into a private network. AdmitUnresolved, for a proxy that
// resolves names itself, checks addresses, ports and names only.
package guard

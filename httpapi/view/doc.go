// Package view is the JSON in which the API shows deliveries, attempts, and how an endpoint
// is doing: the members of the answers, in their order, made from the types of package
// webhook.
//
// Here belongs what an answer looks like, as pure functions. Which deliveries a caller may
// see, and what is asked of the store and of the dispatcher for them, belongs to httpapi.
// Endpoints as their clients write them have a package of their own, httpapi/registration.
//
// The members are a part of the API (httpapi/openapi.yaml). A member that has no value is
// absent, except where null says something.
package view

// Package peer is how the nodes of a cluster talk to one another: requests and answers
// over HTTP/1.1 on a listener of their own, each authenticated with the cluster's secret,
// and bounded in size, number and time.
//
// Two kinds of messages belong here. Hints about what was stored are sent to the node
// that delivers it; they may be lost, doubled or late. Questions are for the node that
// owns an endpoint. What the answers mean, and who owns what, does not belong here.
package peer

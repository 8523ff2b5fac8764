package cluster

import (
	"cmp"
	"slices"

	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// placement says which node each part should belong to; 0 for nobody.
type placement [webhook.PartCount]storage.Incarnation

// place spreads the parts over nodes by rendezvous hashing with a cap: of all pairs of a
// part and a node, taken from the highest hash down, each gives the part to the node if
// both are free to have it. A node has at most the cap, the average rounded up. All nodes
// compute the same, whatever the order of the list, and when a node joins or leaves, few
// other parts move.
func place(nodes []storage.Incarnation) placement {
	var p placement
	if len(nodes) == 0 {
		return p
	}
	pairs := make([]pair, 0, len(p)*len(nodes))
	for part := range p {
		for _, n := range nodes {
			pairs = append(pairs, pair{mix(uint64(n) + uint64(part)*0x9e3779b97f4a7c15), part, n})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.hash, a.hash), cmp.Compare(a.part, b.part), cmp.Compare(a.node, b.node))
	})
	most := (len(p) + len(nodes) - 1) / len(nodes)
	has := make(map[storage.Incarnation]int, len(nodes))
	for _, candidate := range pairs {
		if p[candidate.part] == 0 && has[candidate.node] < most {
			p[candidate.part] = candidate.node
			has[candidate.node]++
		}
	}
	return p
}

// pair is a part and a node that could have it.
type pair struct {
	hash uint64
	part int
	node storage.Incarnation
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood, 2014): each bit of the input
// changes half of the output.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

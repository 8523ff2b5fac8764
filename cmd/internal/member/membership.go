package member

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/corpastro/astrohook/httpapi"
)

// This file is what people and balancers see of the node (httpapi.Membership), and its
// metrics.

// Serving returns why nothing is answered at present; nil while this node serves.
func (m *Member) Serving() error { return m.node.Serving() }

// Ready returns why requests should go to other nodes; nil if they should not.
func (m *Member) Ready() error { return m.node.Ready() }

// Nodes returns all nodes, and how many parts belong to nobody.
func (m *Member) Nodes() (nodes []httpapi.Node, free int) {
	statuses, unowned := m.node.Statuses()
	for _, s := range statuses {
		nodes = append(nodes, httpapi.Node{
			ID: s.Incarnation.String(), Name: s.Name, Address: s.Address, Version: s.Version,
			Self: s.Self, Alive: s.Alive, Leaving: s.Leaving, Parts: s.Parts.Len(), Expires: s.Expires, Applied: s.Applied,
		})
	}
	return nodes, unowned.Len()
}

// register adds the metrics of the node.
func (m *Member) register(to prometheus.Registerer) error {
	for _, metric := range []struct {
		name, help string
		value      func() float64
	}{
		{"astrohook_cluster_nodes", "Nodes whose lease holds, this one included.", func() float64 { return float64(m.alive()) }},
		{"astrohook_cluster_parts", "Parts that this node delivers to, of 256.", func() float64 { return float64(m.node.Parts()) }},
		{"astrohook_cluster_free_parts", "Parts that no node delivers to.", func() float64 { _, free := m.node.Statuses(); return float64(free.Len()) }},
		{"astrohook_cluster_lease_seconds", "For how long this node may still send without another heartbeat.", func() float64 { return m.node.LeaseLeft().Seconds() }},
		{"astrohook_cluster_clock_offset_seconds", "How far the database's clock is ahead of this machine's.", func() float64 { return m.node.ClockOffset().Seconds() }},
		{"astrohook_cluster_hints_waiting_bytes", "Hints for other nodes that wait to be sent.", func() float64 { return float64(m.outbox.Waiting()) }},
		{"astrohook_cluster_hints_dropped", "Hints for other nodes that found no room, since the start; the nodes look in storage.", func() float64 { return float64(m.outbox.Dropped()) }},
	} {
		gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: metric.name, Help: metric.help}, metric.value)
		if err := to.Register(gauge); err != nil {
			return fmt.Errorf("register metrics of the cluster: %w", err)
		}
	}
	return nil
}

func (m *Member) alive() (n int) {
	statuses, _ := m.node.Statuses()
	for _, s := range statuses {
		if s.Alive {
			n++
		}
	}
	return n
}

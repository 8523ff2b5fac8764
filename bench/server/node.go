package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// parts is into how many parts a cluster divides its endpoints.
const parts = 256

// AsNode makes the server, before its start, the first node of a cluster in its database;
// Beside returns further ones.
func (s *Server) AsNode() error {
	s.environment = append(s.environment, "ASTROHOOK_CLUSTER_SECRET="+rand.Text()+rand.Text())
	return s.listenForNodes()
}

// Beside prepares another node of the cluster, with the same settings and the same token. The
// caller closes it before the first one, which removes the database.
func (s *Server) Beside() (*Server, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	data, err := os.MkdirTemp(filepath.Dir(s.Data), "astrohook-bench-")
	if err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	other := &Server{API: API{Base: "http://" + addresses[0], Token: s.Token}, binary: s.binary, Data: data, Stored: s.Stored}
	// Of two settings with one name the later one counts.
	other.environment = append(slices.Clone(s.environment), "ASTROHOOK_LISTEN="+addresses[0], "ASTROHOOK_ADMIN_LISTEN="+addresses[1])
	return other, other.listenForNodes()
}

// listenForNodes sets the address at which the other nodes reach this one.
func (s *Server) listenForNodes() error {
	addresses, err := freeAddresses(1)
	if err == nil {
		s.environment = append(s.environment, "ASTROHOOK_CLUSTER_LISTEN="+addresses[0], "ASTROHOOK_NODE_NAME="+s.Host())
	}
	return err
}

// AwaitShares returns when so many nodes have shared all parts evenly, which takes seconds:
// living nodes hand over a few at a time.
func (a API) AwaitShares(ctx context.Context, nodes int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		shared, err := a.shared(ctx, nodes)
		if err != nil || shared {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the nodes have not shared their work: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// shared reports whether so many nodes have all parts, and none more than its share.
func (a API) shared(ctx context.Context, nodes int) (bool, error) {
	var list struct {
		Data []struct {
			Parts int `json:"parts"`
		} `json:"data"`
		Free int `json:"free_parts"`
	}
	if err := a.Call(ctx, http.MethodGet, "/api/nodes", nil, &list); err != nil {
		return false, err
	}
	even := list.Free == 0 && len(list.Data) == nodes
	for _, node := range list.Data {
		even = even && node.Parts <= (parts+nodes-1)/nodes
	}
	return even, nil
}

package app

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/corpastro/astrohook/actors"
	"github.com/corpastro/astrohook/cmd/internal/cluster/peer"
	"github.com/corpastro/astrohook/cmd/internal/member"
	"github.com/corpastro/astrohook/httpapi"
	"github.com/corpastro/astrohook/storage"
	"github.com/corpastro/astrohook/webhook"
)

// ClusterConfig are the settings of a node of a cluster.
type ClusterConfig struct {
	NodeName       string `group:"Cluster" placeholder:"NAME" help:"What this node is called in lists and logs. Default: the machine's name."`
	ClusterListen  string `group:"Cluster" placeholder:"ADDRESS" help:"Address where the other nodes of the cluster reach this one, as in 10.0.0.1:8090; in a network of theirs alone. Without it other nodes find this node's new deliveries in the database, up to 10 s later."`
	ClusterAddress string `group:"Cluster" placeholder:"HOST:PORT" help:"Address that other nodes connect to, if it is not cluster-listen, as behind a proxy or with cluster-listen on all interfaces."`
	ClusterSecret  string `group:"Cluster" placeholder:"SECRET" help:"What the nodes recognise one another by, 32 bytes or more, the same on all. Required with cluster-listen."`
	ClusterTLSCert string `group:"Cluster" placeholder:"FILE" help:"Certificate of this node, as PEM: with it the nodes talk over TLS, and each checks the other's certificate against cluster-tls-ca."`
	ClusterTLSKey  string `group:"Cluster" placeholder:"FILE" help:"Private key of cluster-tls-cert, as PEM."`
	ClusterTLSCA   string `name:"cluster-tls-ca" group:"Cluster" placeholder:"FILE" help:"Authority that has signed the nodes' certificates, as PEM."`
}

// rules returns the rules of the settings of a cluster.
func (c *ClusterConfig) rules(database bool) []rule {
	listens := c.ClusterListen != ""
	return []rule{
		{"cluster-listen", listens && AddressFault(c.ClusterListen) != "", AddressFault(c.ClusterListen)},
		{"cluster-listen", listens && !database, "has no effect without database-url: the nodes of a cluster share a database"},
		{"cluster-address", c.ClusterAddress != "" && !listens, "has no effect without cluster-listen"},
		{"cluster-address", c.ClusterAddress != "" && !isReachable(c.ClusterAddress), "is not of the form host:port"},
		{"cluster-listen", listens && c.ClusterAddress == "" && !isReachable(c.ClusterListen), "does not say where other nodes reach this one: name an address of this machine, or set cluster-address"},
		{"cluster-secret", listens && len(c.ClusterSecret) < peer.MinSecret, fmt.Sprintf("is shorter than %d bytes", peer.MinSecret)},
		{"cluster-tls-cert", (c.ClusterTLSCert == "") != (c.ClusterTLSKey == ""), "and cluster-tls-key go together"},
		{"cluster-tls-ca", (c.ClusterTLSCert == "") != (c.ClusterTLSCA == ""), "and cluster-tls-cert go together"},
	}
}

// name returns what the node is called.
func (c *ClusterConfig) name() string {
	if c.NodeName != "" {
		return c.NodeName
	}
	name, _ := os.Hostname() // a node without a name is told by its address
	return name
}

// figuresName returns the name under which a server stores what it has counted: nodes of
// one machine differ in their address. A server with a data directory of its own needs none.
func (c *Config) figuresName() string {
	if c.ClusterListen == "" {
		return ""
	}
	return c.name() + "@" + c.ClusterListen
}

// id returns what the database knows the cluster by: nodes with another secret are refused.
func (c *ClusterConfig) id() string {
	if c.ClusterSecret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("astrohook cluster\n" + c.ClusterSecret))
	return hex.EncodeToString(sum[:16])
}

// tls returns the configurations of TLS between nodes; none without cluster-tls-cert.
func (c *ClusterConfig) tls() (both member.TLS, err error) {
	if c.ClusterTLSCert == "" {
		return both, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.ClusterTLSCert, c.ClusterTLSKey)
	if err != nil {
		return both, &webhook.FieldError{Field: "cluster-tls-cert", Reason: "cannot be read: " + err.Error()}
	}
	pem, err := os.ReadFile(c.ClusterTLSCA)
	if err != nil {
		return both, &webhook.FieldError{Field: "cluster-tls-ca", Reason: "cannot be read: " + err.Error()}
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(pem) {
		return both, &webhook.FieldError{Field: "cluster-tls-ca", Reason: "has no certificate"}
	}
	own := []tls.Certificate{certificate}
	both.Server = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: own, ClientCAs: authority, ClientAuth: tls.RequireAndVerifyClientCert}
	both.Client = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: own, RootCAs: authority}
	return both, nil
}

// joinTimeout bounds how long a start waits for the other nodes and the database.
const joinTimeout = 30 * time.Second

// joinCluster makes this server a node, if its storage is shared. It takes no parts yet.
func (a *App) joinCluster() error {
	if a.parts.shared == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	between, err := a.config.tls()
	if err != nil {
		return err
	}
	listener, address, err := a.clusterListener(between.Server != nil)
	if err != nil {
		return err
	}
	a.parts.member, err = member.Join(ctx, member.Options{
		Store: sharedStore{a.parts.shared, a.parts.store}, Secret: a.config.ClusterSecret,
		Info:     storage.NodeInfo{Name: a.config.name(), Address: address, Version: a.config.Version},
		Listener: listener, TLS: between, Lease: a.config.Lease,
		Changed: func(e webhook.Endpoint) { a.parts.leases.note(&e, time.Time{}) },
		Feed:    a.parts.feed,
		Log:     a.component("cluster"), Metrics: a.parts.registry,
	})
	if err != nil && listener != nil {
		err = errors.Join(err, listener.Close())
	}
	if err != nil {
		return err
	}
	a.running.push("cluster", a.parts.member.Leave)
	a.running.push("cluster-listen", a.parts.member.Close)
	return nil
}

// serveCluster takes parts, and catches up with what other nodes have registered meanwhile.
func (a *App) serveCluster() error {
	if a.parts.member == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	return a.parts.member.Serve(ctx, a.parts.dispatcher, a.parts.api)
}

// handOverFirst has a stop begin with giving this node's parts to others, while the API
// still answers. It takes half of the stop's time at most.
func (a *App) handOverFirst() {
	if a.parts.member == nil {
		return
	}
	a.running.push("parts", func(ctx context.Context) error {
		half, cancel := halfOfTimeLeft(ctx)
		defer cancel()
		return a.parts.member.HandOver(half)
	})
}

// sharedStore is the store of a cluster: what nodes share, and history.
type sharedStore struct {
	storage.Shared
	storage.History
}

// clusterListener opens cluster-listen, and returns the address for other nodes; nil if it
// is not set.
func (a *App) clusterListener(withTLS bool) (net.Listener, string, error) {
	if a.config.ClusterListen == "" {
		return nil, "", nil
	}
	listener, err := net.Listen("tcp", a.config.ClusterListen)
	if err != nil {
		return nil, "", fmt.Errorf("cluster-listen: %w", err)
	}
	address := a.config.ClusterAddress
	if address == "" {
		address = listener.Addr().String()
	}
	if !withTLS {
		a.component("cluster").Info("nodes talk without TLS: cluster-listen belongs into a network of theirs alone", slog.String("address", address))
	}
	return listener, address, nil
}

// clusterOf returns the cluster for the dispatcher; nil if there is none.
func (a *App) clusterOf() actors.Cluster {
	if a.parts.member == nil {
		return nil
	}
	return a.parts.member
}

// dispatcherOf returns the dispatcher for the API: one that asks the owners of endpoints, if
// there are other nodes.
func (a *App) dispatcherOf(local httpapi.Dispatcher) httpapi.Dispatcher {
	if a.parts.member == nil {
		return local
	}
	return a.parts.member.Dispatcher(local)
}

// membershipOf returns this server's place in a cluster for the API; nil if there is none.
func (a *App) membershipOf() httpapi.Membership {
	if a.parts.member == nil {
		return nil
	}
	return a.parts.member
}

// peersOf returns the other nodes for the API; nil if there are none.
func (a *App) peersOf() httpapi.Peers {
	if a.parts.member == nil {
		return nil
	}
	return a.parts.member
}

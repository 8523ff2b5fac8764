package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Pooler stands between clients and a server, and serves many clients with few sessions of
// the server, as PgBouncer does. It knows as much of the protocol as a client needs that
// sends simple queries, or extended ones up to a Sync.
type Pooler struct {
	listener net.Listener
	target   string
	keep     bool // a client keeps its session until it ends
	clients  sync.WaitGroup

	mu   sync.Mutex
	idle []*pgconn.HijackedConn // the one that was used last is taken next
	open map[net.Conn]struct{}
}

// NewPooler starts a pooler in front of a database. keep is session mode; otherwise each
// transaction gets the session that became free last. The caller closes it.
func NewPooler(target string, keep bool) (*Pooler, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a pooler: %w", err)
	}
	p := &Pooler{listener: l, target: target, keep: keep, open: map[net.Conn]struct{}{}}
	p.clients.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.track(conn)
			p.clients.Go(func() { _ = p.serve(conn) }) // its client notices
		}
	})
	return p, nil
}

// URL returns the target's URL by way of the pooler.
func (p *Pooler) URL() string {
	u, err := url.Parse(p.target)
	if err != nil {
		return ""
	}
	u.Host = p.listener.Addr().String()
	return u.String()
}

// Close ends all connections.
func (p *Pooler) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	for conn := range p.open {
		_ = conn.Close() // somebody notices, or nobody is there
	}
	p.mu.Unlock()
	p.clients.Wait()
	return err
}

// track notes a connection that Close ends.
func (p *Pooler) track(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[conn] = struct{}{}
}

// serve serves a client until it ends. Every password is right.
func (p *Pooler) serve(conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	client := pgproto3.NewBackend(conn, conn)
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return err
	}
	client.Send(&pgproto3.AuthenticationOk{})
	client.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	client.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	client.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	var server *pgconn.HijackedConn
	for err := client.Flush(); ; {
		var message pgproto3.FrontendMessage
		if err == nil {
			message, err = client.Receive()
		}
		if _, ends := message.(*pgproto3.Terminate); ends || err != nil {
			return err
		}
		if server == nil {
			if server, err = p.take(); err != nil {
				return err
			}
		}
		var status byte
		if status, err = exchange(client, server, message); status == 'I' && !p.keep {
			p.free(server)
			server = nil
		}
	}
}

// exchange passes a message on, and answers as far as the server has any, up to the end of
// a query; status is then the transaction's, and that of one that is open before.
func exchange(client *pgproto3.Backend, server *pgconn.HijackedConn, message pgproto3.FrontendMessage) (status byte, err error) {
	server.Frontend.Send(message)
	if err := server.Frontend.Flush(); err != nil {
		return 0, err
	}
	switch message.(type) {
	case *pgproto3.Query, *pgproto3.Sync:
	default:
		return 'T', nil
	}
	for status == 0 {
		answer, err := server.Frontend.Receive()
		if err != nil {
			return 0, err
		}
		if ready, ends := answer.(*pgproto3.ReadyForQuery); ends {
			status = ready.TxStatus
		}
		client.Send(answer)
	}
	return status, client.Flush()
}

// take returns a session of the server, a new one if none is free.
func (p *Pooler) take() (*pgconn.HijackedConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		last := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return last, nil
	}
	conn, err := pgconn.Connect(context.Background(), p.target)
	if err != nil {
		return nil, err
	}
	server, err := conn.Hijack()
	if err != nil {
		return nil, errors.Join(err, conn.Close(context.Background()))
	}
	p.open[server.Conn] = struct{}{}
	return server, nil
}

// free returns a session to the pool.
func (p *Pooler) free(server *pgconn.HijackedConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, server)
}

package peer

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/corpastro/astrohook/storage"
)

const (
	pathLook    = "/v1/look"
	pathVersion = "/v1/version"
	// maxNotices bounds the notices under way. What is beyond it is left to heartbeats.
	maxNotices = 256
)

// Notices sends other nodes what a heartbeat would show them a second later. All of it may
// be lost.
type Notices struct {
	// Client sends them.
	Client *Client
	// Others returns the nodes that there are.
	Others func() []storage.Node
	// Applied is called with what a node has applied, after VersionStored. It does not block.
	Applied func(who storage.Incarnation, version uint64)

	mu       sync.Mutex
	closed   bool
	underWay int
	calls    sync.WaitGroup
}

// PartsMoved makes a node look at the database; all nodes if to is 0.
func (n *Notices) PartsMoved(to storage.Incarnation) {
	for _, node := range n.Others() {
		if to == 0 || node.Incarnation == to {
			n.send(node, pathLook, nil, func([]byte) {})
		}
	}
}

// VersionStored makes all nodes apply a version of the registrations.
func (n *Notices) VersionStored(version uint64) {
	for _, node := range n.Others() {
		n.send(node, pathVersion, binary.BigEndian.AppendUint64(nil, version), func(answer []byte) {
			if len(answer) == 8 {
				n.Applied(node.Incarnation, binary.BigEndian.Uint64(answer))
			}
		})
	}
}

// send sends one notice in the background.
func (n *Notices) send(to storage.Node, path string, body []byte, answered func([]byte)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if to.Address == "" || n.closed || n.underWay == maxNotices {
		return
	}
	n.underWay++
	n.calls.Go(func() { // under the lock: Close waits for all that began before it
		defer n.end()
		if answer, err := n.Client.Call(context.Background(), to, path, body); err == nil {
			answered(answer)
		}
	})
}

func (n *Notices) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.underWay--
}

// Close waits for what is under way, 2 s at most, and sends nothing more.
func (n *Notices) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.calls.Wait()
}

// NoticeHandlers are the handlers of notices: look looks at the database, and apply returns
// the version of the registrations that is applied, at least the one given unless ctx ends.
func NoticeHandlers(look func(), apply func(ctx context.Context, version uint64) uint64) map[string]Handler {
	return map[string]Handler{
		pathLook: func(context.Context, storage.Incarnation, []byte) ([]byte, error) {
			look()
			return nil, nil
		},
		pathVersion: func(ctx context.Context, _ storage.Incarnation, body []byte) ([]byte, error) {
			if len(body) != 8 {
				return nil, errBody
			}
			return binary.BigEndian.AppendUint64(nil, apply(ctx, binary.BigEndian.Uint64(body))), nil
		},
	}
}

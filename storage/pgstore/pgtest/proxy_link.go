package pgtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
)

// link is one connection through a Proxy: two goroutines, one for each direction.
type link struct {
	proxy          *Proxy
	client, server net.Conn

	texts map[string]string // of prepared statements; only requests uses it

	mu   sync.Mutex
	idle bool // no transaction block is open
	// asked and answered count what the server answers with ReadyForQuery, the start
	// included. loseAt is the first of these answers that is lost; 0 for none.
	asked, answered, loseAt int
}

// writes recognises statements that change data.
var writes = regexp.MustCompile(`(?i)\b(INSERT|UPDATE|DELETE)\b`)

// Kinds of messages, https://www.postgresql.org/docs/15/protocol-message-formats.html.
const (
	msgParse   = 'P'
	msgBind    = 'B'
	msgExecute = 'E'
	msgSync    = 'S'
	msgQuery   = 'Q'
	msgReady   = 'Z'
)

// maxMessage bounds what the proxy reads of a message.
const maxMessage = 1 << 30

var errProtocol = errors.New("this is not PostgreSQL's protocol")

// end closes both sides.
func (l *link) end() {
	_ = l.client.Close() // nothing is lost that was not to be lost
	_ = l.server.Close()
}

// message reads one message; typed is false for the first one of a client.
func message(r *bufio.Reader, typed bool) ([]byte, error) {
	head := make([]byte, 0, 5)
	if typed {
		kind, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		head = append(head, kind)
	}
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 4 || n > maxMessage {
		return nil, errProtocol
	}
	out := append(head, size[:]...)
	start := len(out)
	out = append(out, make([]byte, n-4)...)
	_, err := io.ReadFull(r, out[start:])
	return out, err
}

// text returns the string at the start of b, and what follows it.
func text(b []byte) (string, []byte) {
	s, rest, _ := bytes.Cut(b, []byte{0})
	return string(s), rest
}

// send writes once the proxy lets bytes pass.
func (l *link) send(to net.Conn, b []byte) bool {
	<-l.proxy.gate()
	_, err := to.Write(b)
	return err == nil
}

// requests carries what the client sends, one group of messages after the other.
func (l *link) requests() {
	r := bufio.NewReader(l.client)
	first, err := message(r, false)
	if err != nil || !l.send(l.server, first) {
		return
	}
	for {
		group, commits, err := l.group(r)
		if err != nil {
			return
		}
		l.ask(group)
		if commits && l.meetFate(group) {
			continue
		}
		if !l.send(l.server, bytes.Join(group, nil)) {
			return
		}
	}
}

// group reads messages up to one that the server answers with ReadyForQuery, or any other
// that stands alone, and reports whether a transaction commits with them.
func (l *link) group(r *bufio.Reader) (group [][]byte, commits bool, err error) {
	changes, executes := false, false
	for {
		m, err := message(r, true)
		if err != nil {
			return nil, false, err
		}
		group = append(group, m)
		switch body := m[5:]; m[0] {
		case msgParse:
			name, rest := text(body)
			l.texts[name], _ = text(rest)
		case msgBind:
			_, rest := text(body)
			name, _ := text(rest)
			changes = changes || writes.MatchString(l.texts[name])
		case msgExecute:
			executes = true
		case msgSync:
			return group, executes && changes && l.isIdle(), nil
		case msgQuery:
			sql, _ := text(body)
			ends := strings.EqualFold(strings.TrimSpace(sql), "commit")
			return group, ends || writes.MatchString(sql) && l.isIdle(), nil
		case 'D', 'C', 'H': // describe, close, flush: parts of a group
		default:
			return group, false, nil
		}
	}
}

// meetFate does to a commit what Next decided, and reports whether that was anything.
func (l *link) meetFate(group [][]byte) bool {
	fate, planned := l.proxy.fate()
	if !planned {
		return false
	}
	half := bytes.Join(group[:len(group)/2], nil)
	switch rest := bytes.Join(group[len(group)/2:], nil); fate {
	case LoseAnswer:
		l.mu.Lock()
		l.loseAt = l.asked
		l.mu.Unlock()
		l.send(l.server, append(half, rest...))
	case BreakOff:
		l.send(l.server, half)
		l.end()
	case Stall:
		l.send(l.server, half)
		l.proxy.Hold()
		l.send(l.server, rest)
	}
	return true
}

// answers carries what the server sends, message by message.
func (l *link) answers() {
	r := bufio.NewReader(l.server)
	for {
		m, err := message(r, true)
		if err != nil {
			return
		}
		lost, last := l.answer(m)
		if lost && last || !lost && !l.send(l.client, m) {
			return
		}
	}
}

// ask notes that the server will answer.
func (l *link) ask(group [][]byte) {
	if kind := group[len(group)-1][0]; kind == msgSync || kind == msgQuery {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked++
	}
}

// answer notes what the server says, and reports whether the client must not hear it, and
// whether it is the end of an answer.
func (l *link) answer(m []byte) (lost, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost = l.loseAt > 0 && l.answered+1 >= l.loseAt
	if last = m[0] == msgReady && len(m) == 6; last {
		l.idle = m[5] == 'I'
		l.answered++
	}
	return lost, last
}

func (l *link) isIdle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.idle
}

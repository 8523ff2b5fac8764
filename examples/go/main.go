// Command go is a receiver of webhooks: it verifies deliveries with webhook/signing, and
// handles each of them once. It shows what the owner of a webhook writes, and so imports
// nothing else of this module.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/corpastro/astrohook/webhook/signing"
)

const (
	maxBody = 1 << 20 // bytes; more than any delivery has
	// backlog bounds the deliveries that wait to be handled. A full one is answered with
	// 503, and the server tries again later.
	backlog = 1000
	// remembered bounds the ids in memory. A real receiver asks its database.
	remembered = 100_000
)

// delivery is one that was verified.
type delivery struct {
	id   string
	body []byte
}

// receiver verifies deliveries and puts new ones into its queue.
type receiver struct {
	verifier signing.Verifier
	queue    chan delivery

	mu   sync.Mutex // guards seen
	seen map[string]bool
}

func main() {
	r := &receiver{
		verifier: signing.Verifier{Secrets: []string{os.Getenv("WEBHOOK_SECRET")}},
		queue:    make(chan delivery, backlog),
		seen:     make(map[string]bool),
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "9000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Listening at http://%s/\n", listener.Addr())
	go r.handleAll()
	server := http.Server{Handler: r, ReadTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

// ServeHTTP answers 204 for a delivery that is in the queue or was there before, 401 for
// one that is not signed as it must be, and 503 for one that has no room.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	message, err := r.verifier.Verify(req.Header.Get, body, time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if err := r.accept(delivery{message.ID, body}); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

var errFull = errors.New("too much to do: try again later")

// accept puts a delivery into the queue, unless its id was seen before.
func (r *receiver) accept(d delivery) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[d.id] {
		fmt.Println("seen before", d.id)
		return nil
	}
	select {
	case r.queue <- d:
	default:
		return errFull
	}
	if len(r.seen) == remembered {
		clear(r.seen)
	}
	r.seen[d.id] = true
	return nil
}

// handleAll does the work, after the answers.
func (r *receiver) handleAll() {
	for d := range r.queue {
		fmt.Println("handled", d.id, string(d.body))
	}
}

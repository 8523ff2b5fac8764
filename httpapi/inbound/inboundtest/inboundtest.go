// Package inboundtest talks to a server in bytes: it sends requests that no HTTP
// client would send, and reads the answers.
package inboundtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Patience is the time after which a test gives up on a connection that the server
// should have closed.
const Patience = 20 * time.Second

// Answer is an answer on a raw connection. Its header says "Connection: close" if the
// server ends the connection with it.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Dial opens a TCP connection that ends with the test, or after Patience.
func Dial(t testing.TB, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Exchange sends bytes on a connection of their own, and returns all answers. The
// connection stays open on this side, so that the test fails unless the server closes it.
func Exchange(t testing.TB, address, request string) []Answer {
	t.Helper()
	c := Dial(t, address)
	defer func() { _ = c.Close() }()
	go func() { _, _ = io.WriteString(c, request) }() // the server may stop reading early
	answers, err := ReadAnswers(c)
	if err != nil {
		t.Errorf("after %d answers: %v", len(answers), err)
	}
	return answers
}

// ReadAnswers reads answers to the end of the connection.
func ReadAnswers(from io.Reader) (all []Answer, err error) {
	reader := bufio.NewReader(from)
	for {
		if _, err := reader.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return all, err
		}
		a, err := readAnswer(reader)
		if err != nil {
			return all, err
		}
		all = append(all, a)
	}
}

// ReadAnswer reads one answer.
func ReadAnswer(t testing.TB, from *bufio.Reader) Answer {
	t.Helper()
	a, err := readAnswer(from)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func readAnswer(from *bufio.Reader) (Answer, error) {
	resp, err := http.ReadResponse(from, nil)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, err
	}
	if resp.Close { // ReadResponse takes it out of the header
		resp.Header.Set("Connection", "close")
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}, nil
}

// Send writes a text to a connection.
func Send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// Chunks returns a text as a chunked body, in chunks of at most size bytes.
func Chunks(text string, size int) string {
	var b strings.Builder
	for len(text) > 0 {
		chunk := text[:min(size, len(text))]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(chunk), chunk)
		text = text[len(chunk):]
	}
	return b.String() + "0\r\n\r\n"
}

// Statuses returns the statuses of answers, with spaces between them.
func Statuses(answers []Answer) string {
	var list []string
	for _, a := range answers {
		list = append(list, fmt.Sprint(a.Status))
	}
	return strings.Join(list, " ")
}

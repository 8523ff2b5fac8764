package canonicaljson

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzCanonicalAgainstNode compares the form with Node's for each document whose numbers a
// double holds. FuzzCanonical is about the other numbers.
func FuzzCanonicalAgainstNode(f *testing.F) {
	for _, doc := range []string{
		`{"b":1.0,"10":[1e3,-0],"9":{"\u00e9":"\u2028\u0007"}}`, `"\ud83d\ude00"`, `{"__proto__":{"a":1},"constructor":null}`,
		`[1e21,1e-7,123456789012345680000,0.1]`, `{"4294967294":0,"4294967295":1,"01":2,"-1":3}`, `{"":{"\"":"\\\/"}}`, ` [ true , false ] `,
		string(typical),
	} {
		f.Add([]byte(doc))
	}
	node := startNode(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, err := Append(nil, doc)
		if err != nil || !heldByDoubles(t, got) {
			return
		}
		want, err := node.form(doc)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%q: %q, and with Node %q", doc, got, want)
		}
	})
}

// heldByDoubles reports whether every number of a document stays the same number when it is
// read as a double.
func heldByDoubles(t *testing.T, doc []byte) bool {
	t.Helper()
	for d := jsontext.NewDecoder(bytes.NewReader(doc)); ; {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			t.Fatal(err)
		}
		if token.Kind() != '0' {
			continue
		}
		value, err := token.Float()
		if err != nil || math.IsInf(value, 0) || exactNumber(token.String()) != exactNumber(jsontext.Float(value).String()) {
			return false
		}
	}
}

// nodeProcess answers one document after the other.
type nodeProcess struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Reader
}

func startNode(f *testing.F) *nodeProcess {
	f.Helper()
	cmd := exec.Command("node", "-e", nodeProgram)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		f.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.Fatal("install Node.js to run the tests: ", err)
	}
	f.Cleanup(func() {
		_ = in.Close() // which ends it
		if err := cmd.Wait(); err != nil {
			f.Error(err)
		}
	})
	return &nodeProcess{in: in, out: bufio.NewReader(out)}
}

// form returns JSON.stringify(JSON.parse(doc)).
func (n *nodeProcess) form(doc []byte) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := fmt.Fprintln(n.in, base64.StdEncoding.EncodeToString(doc)); err != nil {
		return nil, err
	}
	line, err := n.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(line[:len(line)-1])
}

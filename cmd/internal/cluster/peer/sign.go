package peer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/corpastro/astrohook/storage"
)

// Headers of requests and answers between nodes.
const (
	headerFrame = "Astrohook-Frame" // FROM TO NUMBER SHA256-OF-BODY, all in hex
	headerMac   = "Astrohook-Mac"   // of a request: over its frame; of an answer: over it
	headerError = "Astrohook-Error" // the name of an error, in an answer
)

// MinSecret is the least length of the cluster's secret, in bytes.
const MinSecret = 32

// frame is what authenticates a request together with its method and path.
type frame struct {
	from, to storage.Incarnation
	// number counts the requests of a pair from 1 on, so that none can be repeated.
	number uint64
	digest [sha256.Size]byte // of the body
}

var errFrame = errors.New("the request is not authenticated")

func (f frame) String() string {
	return fmt.Sprintf("%016x %016x %016x %x", uint64(f.from), uint64(f.to), f.number, f.digest)
}

// parseFrame reads what String wrote, and nothing else.
func parseFrame(text string) (f frame, err error) {
	fields := strings.Split(text, " ")
	if len(fields) != 4 || len(fields[3]) != 2*sha256.Size {
		return f, errFrame
	}
	var numbers [3]uint64
	for i := range numbers {
		if len(fields[i]) != 16 {
			return f, errFrame
		}
		if numbers[i], err = strconv.ParseUint(fields[i], 16, 64); err != nil {
			return f, errFrame
		}
	}
	if _, err := hex.Decode(f.digest[:], []byte(fields[3])); err != nil {
		return f, errFrame
	}
	f.from, f.to, f.number = storage.Incarnation(numbers[0]), storage.Incarnation(numbers[1]), numbers[2]
	if f.String() != text { // one form only
		return f, errFrame
	}
	return f, nil
}

// secret makes and checks the codes of one cluster.
type secret []byte

// request returns the code of a request.
func (s secret) request(method, path string, f frame) string {
	return s.code("request", method, path, f.String())
}

// answer returns the code of the answer to a request: it holds for no other one.
func (s secret) answer(requestMac, code string, body []byte) string {
	digest := sha256.Sum256(body)
	return s.code("answer", requestMac, code, hex.EncodeToString(digest[:]))
}

// code authenticates fields, none of which contains a line break.
func (s secret) code(fields ...string) string {
	mac := hmac.New(sha256.New, s)
	for _, field := range fields {
		mac.Write([]byte(field))
		mac.Write([]byte{'\n'})
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// authenticate returns the frame of a request if the cluster's secret made its code.
func (s secret) authenticate(r *http.Request) (frame, error) {
	f, err := parseFrame(r.Header.Get(headerFrame))
	if err != nil {
		return f, err
	}
	want := s.request(r.Method, r.URL.EscapedPath(), f)
	if !hmac.Equal([]byte(want), []byte(r.Header.Get(headerMac))) {
		return f, errFrame
	}
	return f, nil
}

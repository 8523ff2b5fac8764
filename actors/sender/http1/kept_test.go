package http1

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/corpastro/astrohook/webhook"
)

// keptOf reads a response from memory and returns what is kept of its head.
func keptOf(t testing.TB, response string) string {
	t.Helper()
	r := scriptedReader([]byte(response), 1<<10)
	defer r.Release()
	h, err := r.ReadHead()
	if err != nil {
		t.Fatalf("%.100q: %v", response, err)
	}
	r.ReadBody(&h, 10, time.Now().Add(time.Minute)) // it must leave the head as it is
	return h.Kept()
}

// TestKept: a head is kept as people read it, within its bounds, without credentials.
func TestKept(t *testing.T) {
	const line = "HTTP/1.1 500 No\r\n"
	for name, c := range map[string]struct{ in, want string }{
		"a line only":         {line, "HTTP/1.1 500 No"},
		"fields":              {line + "A: b\r\nc:\t d \r\nEmpty:\r\n", "HTTP/1.1 500 No\nA: b\nc: d\nEmpty: "},
		"a lone LF":           {"HTTP/1.1 500 No\nA: b\n", "HTTP/1.1 500 No\nA: b"},
		"repeated":            {line + "A: 1\r\nA: 2\r\n", "HTTP/1.1 500 No\nA: 1\nA: 2"},
		"colons in a value":   {line + "A: b: c\r\n", "HTTP/1.1 500 No\nA: b: c"},
		"cookies":             {line + "sEt-cOOkie: id=s3cret; Secure\r\nSet-Cookie2: s3cret\r\n", "HTTP/1.1 500 No\nsEt-cOOkie: ***\nSet-Cookie2: ***"},
		"an echo":             {line + "Authorization: Bearer s3cret\r\nX-Api-Key: s3cret\r\n", "HTTP/1.1 500 No\nAuthorization: ***\nX-Api-Key: ***"},
		"tokens":              {line + "X-Access-Token: s3cret\r\nX-Session-Id : s3cret\r\n", "HTTP/1.1 500 No\nX-Access-Token: ***\nX-Session-Id: ***"},
		"a challenge":         {line + "WWW-Authenticate: Basic realm=\"a\"\r\n", "HTTP/1.1 500 No\nWWW-Authenticate: Basic realm=\"a\""},
		"control characters":  {"HTTP/1.1 500 \x1b[2J\r\nA: \x07\u202eb\xff\r\nB\x00: c\r\n", "HTTP/1.1 500 ?[2J\nA: ??b?\nB?: c"},
		"a CR within":         {line + "A: b\rSet: c\r\n", "HTTP/1.1 500 No\nA: b?Set: c"},
		"no fields":           {line + "nonsense\r\n: empty\r\n folded\r\nA: b\r\n", "HTTP/1.1 500 No\nA: b\n…"},
		"an ellipsis":         {line + "…\r\nA: b\r\n", "HTTP/1.1 500 No\nA: b\n…"},
		"markup":              {line + "A: <script>alert(1)</script>\r\n", "HTTP/1.1 500 No\nA: <script>alert(1)</script>"},
		"after interim":       {"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + line + "A: b\r\n", "HTTP/1.1 500 No\nA: b"},
		"with a body":         {line + "Content-Length: 5\r\n", "HTTP/1.1 500 No\nContent-Length: 5"},
		"with a chunked body": {line + "Transfer-Encoding: chunked\r\n", "HTTP/1.1 500 No\nTransfer-Encoding: chunked"},
	} {
		if got := keptOf(t, c.in+"\r\n5\r\nabcde\r\n0\r\n\r\n"); got != c.want {
			t.Errorf("%s:\n%q\nwant\n%q", name, got, c.want)
		}
	}
}

// TestKeptIsBounded: however much a receiver sends, 64 fields and 4 KiB are kept, and the
// last line says that there were more.
func TestKeptIsBounded(t *testing.T) {
	many, long := "HTTP/1.1 500 No\r\n", "HTTP/1.1 500 No\r\nLong: "+strings.Repeat("é", 2000)+"\r\nNext: n\r\n"
	for n := range 100 {
		many += fmt.Sprintf("N: %d\r\n", n)
	}
	all := strings.Split(keptOf(t, many+"\r\n"), "\n")
	if len(all) != 1+maxKeptFields+1 || all[maxKeptFields] != "N: 63" || all[maxKeptFields+1] != webhook.HeadCut {
		t.Errorf("%d lines, the last ones %q", len(all), all[len(all)-2:])
	}
	lines := strings.Split(keptOf(t, long+"\r\n"), "\n")
	if len(lines) != 3 || len(lines[1]) > maxKeptLine || !strings.HasSuffix(lines[1], "é"+webhook.HeadCut) || lines[2] != "Next: n" {
		t.Errorf("a long value: %q", lines)
	}
	big := "HTTP/1.1 500 No\r\n" + strings.Repeat("Big: "+strings.Repeat("b", 900)+"\r\n", 12)
	if got := keptOf(t, big+"\r\n"); len(got) > webhook.MaxResponseHead || !strings.HasSuffix(got, "b\n"+webhook.HeadCut) || strings.Count(got, "\n") != 5 {
		t.Errorf("%d bytes in %d lines", len(got), strings.Count(got, "\n"))
	}
	if got := keptOf(t, big+strings.Repeat(big, 3)); !strings.HasSuffix(got, webhook.HeadCut) {
		t.Errorf("a head over its bound is kept as whole: %.50q", got)
	}
	if got := keptOf(t, "HTTP/1.1 500 No\r\nA: b\r\nHalf: x"); got != "HTTP/1.1 500 No\nA: b\n"+webhook.HeadCut {
		t.Errorf("a head that ends early: %q", got)
	}
}

// FuzzKept: whatever a receiver sends, what is kept is bounded printable text in which only
// the last line can be HeadCut.
func FuzzKept(f *testing.F) {
	f.Add([]byte("A: b\r\nSet-Cookie: c\r\n"))
	f.Add([]byte(": \n\x00:…\n…\n"))
	f.Fuzz(func(t *testing.T, fields []byte) {
		h, ok := parseHead([]byte("HTTP/1.1 500 No\r\n" + strings.TrimRight(string(fields), "\n") + "\n"))
		if !ok {
			t.Fatal("the status line is not read")
		}
		kept := h.Kept()
		lines := strings.Split(kept, "\n")
		if len(kept) > webhook.MaxResponseHead || !utf8.ValidString(kept) || len(lines) > 2+maxKeptFields {
			t.Fatalf("%d bytes in %d lines: %q", len(kept), len(lines), kept)
		}
		for i, line := range lines[1:] {
			if last := i == len(lines)-2; !(last && line == webhook.HeadCut) && !strings.Contains(line, ":") {
				t.Fatalf("line %d of %q is no field", i+1, kept)
			}
		}
	})
}

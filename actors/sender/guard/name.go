package guard

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// hostNames maps names as browsers do (UTS 46). It accepts labels that DNS takes
// although host names should not have them, with underscores for instance, because
// such receivers exist; hostName checks the characters.
var hostNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.StrictDomainName(false))

// hostName returns a name's ASCII form, without the root's dot. ok is false if it
// has none, or if its form would change when it is read again: what is stored must
// stay what was checked.
func hostName(host string) (ascii string, ok bool) {
	if !utf8.ValidString(host) { // net/url has unescaped it
		return "", false
	}
	ascii, err := hostNames.ToASCII(host)
	if err != nil {
		return "", false
	}
	if again, err := hostNames.ToASCII(ascii); err != nil || again != ascii {
		return "", false
	}
	ascii = strings.TrimSuffix(ascii, ".")
	if len(ascii) > 253 { // RFC 1035, section 2.3.4, without the root
		return "", false
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if len(label) == 0 || len(label) > 63 || strings.ContainsFunc(label, notInName) {
			return "", false
		}
	}
	return ascii, true
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// endsInNumber reports whether some resolvers would take the name for an IPv4
// address in one of its historic forms: 0x7f.1, 2130706433, 127.1.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if digits, hex := strings.CutPrefix(last, "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// isLocalhost reports whether a name stands for the machine itself (RFC 6761,
// section 6.3).
func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// Local reports whether the host is a name of the kind that machines of a private
// network have: of one label, or under a suffix that the public DNS does not have.
func (t TargetURL) Local() bool {
	if t.Addr.IsValid() {
		return false
	}
	if !strings.Contains(t.Host, ".") {
		return true
	}
	for _, suffix := range [...]string{".local", ".internal", ".home.arpa"} {
		if strings.HasSuffix(t.Host, suffix) {
			return true
		}
	}
	return false
}

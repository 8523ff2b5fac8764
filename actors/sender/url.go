package sender

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/corpastro/astrohook/webhook"
)

// MaxURL bounds a target URL, in bytes, as given and in canonical form.
const MaxURL = 2048

// TargetURL is a target URL that keeps the rules, in its parts.
type TargetURL struct {
	// Canonical is the whole URL in the form that is stored: scheme and host in
	// lower case and ASCII, no default port, no empty path.
	Canonical string
	// Secure: the scheme is https, not http.
	Secure bool
	// Host is the host name in ASCII, without a trailing dot, or the address in
	// its canonical text, without brackets.
	Host string
	// Addr is the address if the host is one; invalid otherwise.
	Addr netip.Addr
	// Port is the port, the scheme's own if the URL names none.
	Port uint16
	// Authority is the value of the Host header: host, and the port unless it is the scheme's own.
	Authority string
	// RequestURI is the path and the query, escaped.
	RequestURI string
}

// ParseTarget reads a target URL. The rules: http or https; a host; no user
// information, no fragment, no white space or control bytes; a port from 1 to
// 65535 if any; an address in its canonical form only, so that no two programs
// read it differently; at most MaxURL bytes. The error is a *webhook.FieldError
// for the field target_url. No name is resolved.
func ParseTarget(raw string) (TargetURL, error) {
	if err := checkText(raw); err != nil {
		return TargetURL{}, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return TargetURL{}, unparsed(err)
	}
	if err := checkParts(u); err != nil {
		return TargetURL{}, err
	}
	t := TargetURL{Secure: u.Scheme == "https"}
	if err := t.setHost(u); err != nil {
		return TargetURL{}, err
	}
	if err := t.setPort(u.Port()); err != nil {
		return TargetURL{}, err
	}
	t.setRequest(u)
	if len(t.Canonical) > MaxURL {
		return TargetURL{}, wrong("is longer than 2048 characters")
	}
	return t, nil
}

// unparsed says which part of a URL the parser could not read.
func unparsed(err error) error {
	failed, _ := errors.AsType[*url.Error](err)
	_, badEscape := errors.AsType[url.EscapeError](err)
	_, badHost := errors.AsType[url.InvalidHostError](err)
	switch {
	case badEscape:
		return wrong("is not a valid URL: a % is not followed by two hexadecimal digits")
	case badHost:
		return wrong("is not a valid URL: its host has a character that is not allowed there")
	case failed != nil && strings.HasPrefix(failed.Err.Error(), "invalid port"):
		return wrong("has a port that is not within 1 to 65535")
	case failed != nil && strings.Contains(failed.Err.Error(), "scheme"):
		return wrong("is not a valid URL: it does not begin with http:// or https://")
	}
	return wrong("is not a valid URL")
}

func wrong(reason string) error {
	return &webhook.FieldError{Field: "target_url", Reason: reason}
}

// checkText looks at what a parser might forgive.
func checkText(raw string) error {
	switch {
	case raw == "":
		return wrong("is empty")
	case len(raw) > MaxURL:
		return wrong("is longer than 2048 characters")
	case !utf8.ValidString(raw):
		return wrong("is not valid UTF-8")
	case strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return wrong("contains white space or control characters")
	case strings.Contains(raw, "#"):
		return wrong("has a fragment")
	case strings.Contains(raw, `\`):
		return wrong("contains a backslash")
	}
	return nil
}

// hasUser is the reason that more can be said about where there are headers.
const hasUser = "has user information"

func checkParts(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return wrong("is not an http or https URL")
	case u.User != nil:
		return wrong(hasUser)
	case u.Host == "":
		return wrong("has no host")
	case strings.HasSuffix(u.Host, ":"):
		return wrong("has an empty port")
	}
	return nil
}

func (t *TargetURL) setHost(u *url.URL) error {
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return wrong("has a host that is not an IPv6 address")
		}
		t.Host, t.Addr = addr.String(), addr
		return nil
	}
	name, ok := hostName(host)
	if !ok {
		return wrong("has an invalid host name")
	}
	t.Host = name
	if !endsInNumber(name) {
		return nil
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return wrong("has a numeric host that is not an IP address in its usual form")
	}
	t.Addr = addr
	return nil
}

// hostNames maps names as browsers do (UTS 46). Labels that DNS takes though
// host names should not contain them, with underscores for instance, are let
// through; hostName checks the characters.
var hostNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.StrictDomainName(false))

// hostName gives a name's ASCII form, without the root's dot. ok is false if it has none.
func hostName(host string) (ascii string, ok bool) {
	if !utf8.ValidString(host) { // once unescaped
		return "", false
	}
	ascii, err := hostNames.ToASCII(host)
	if err != nil {
		return "", false
	}
	if again, err := hostNames.ToASCII(ascii); err != nil || again != ascii {
		return "", false // what is stored must stay what it is
	}
	ascii = strings.TrimSuffix(ascii, ".")
	if len(ascii) > 253 {
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

// endsInNumber tells whether some resolvers would take the name for an IPv4
// address in one of its historic forms: 0x7f.1, 2130706433, 127.1.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if digits, hex := strings.CutPrefix(last, "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

func (t *TargetURL) setPort(text string) error {
	usual := uint16(80)
	if t.Secure {
		usual = 443
	}
	t.Port, t.Authority = usual, t.Host
	if t.Addr.Is6() {
		t.Authority = "[" + t.Host + "]"
	}
	if text == "" {
		return nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return wrong("has a port that is not within 1 to 65535")
	}
	if uint16(port) != usual {
		t.Port = uint16(port)
		t.Authority += ":" + strconv.FormatUint(port, 10)
	}
	return nil
}

func (t *TargetURL) setRequest(u *url.URL) {
	t.RequestURI = u.EscapedPath()
	if t.RequestURI == "" {
		t.RequestURI = "/"
	}
	if u.ForceQuery || u.RawQuery != "" {
		t.RequestURI += "?" + escapeQuery(u.RawQuery)
	}
	t.Canonical = u.Scheme + "://" + t.Authority + t.RequestURI
}

// escapeQuery escapes what net/url lets through in a query though it is not
// allowed in a request line (RFC 3986, section 3.4).
func escapeQuery(query string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(query) {
		if c >= 0x80 || strings.IndexByte("\"<>^`{|}", c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

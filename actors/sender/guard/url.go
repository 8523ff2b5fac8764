package guard

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/corpastro/astrohook/webhook"
)

// MaxURL bounds a target URL in bytes, both as given and in canonical form.
const MaxURL = 2048

// TargetURL has the parts of a target URL that ParseTarget accepted.
type TargetURL struct {
	// Canonical is the whole URL in the form that is stored: scheme and host in
	// lower case and ASCII, without a default port, with a path.
	Canonical string
	// Secure is true for https, and false for http.
	Secure bool
	// Host is the host name in ASCII, without a trailing dot, or the address in
	// its canonical text, without brackets.
	Host string
	// Addr is the host if that is an address; otherwise it is the zero Addr.
	Addr netip.Addr
	// Port is the URL's port, or 80 or 443 if the URL names none.
	Port uint16
	// Authority is the value of the Host header: the host, and the port unless it is
	// the scheme's default.
	Authority string
	// RequestURI is the path and the query, escaped.
	RequestURI string
}

// ParseTarget reads a target URL. The rules: http or https; a host; no user
// information, no fragment, no white space or control bytes; a port from 1 to
// 65535 if any; an address in its canonical form only, so that no two programs
// read it differently; at most MaxURL bytes. The error is a *webhook.FieldError
// for the field target_url. ParseTarget resolves no name.
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

// unparsed returns the error for a URL that net/url could not parse, and names the
// part that is wrong. net/url exports no types for some of its errors, so two are
// known by their text.
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

// wrong returns the error of a target URL, which follows the field's name.
func wrong(reason string) error {
	return &webhook.FieldError{Field: "target_url", Reason: reason}
}

// checkText refuses texts that one URL parser accepts and another one does not.
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

// ErrUserInfo is ParseTarget's error for a URL with a user or a password. Callers
// that know where credentials belong add that.
var ErrUserInfo = wrong("has user information")

// checkParts refuses what net/url accepts and a target may not have.
func checkParts(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return wrong("is not an http or https URL")
	case u.User != nil:
		return ErrUserInfo
	case u.Host == "":
		return wrong("has no host")
	case strings.HasSuffix(u.Host, ":"):
		return wrong("has an empty port")
	}
	return nil
}

// setHost reads the host: an address in its canonical form, or a name. A name that
// some resolvers would take for an address is refused, because the guard and the
// resolver would disagree on it.
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

// setPort reads the port and builds the authority from host and port.
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

// setRequest builds the request target (RFC 9112, section 3.2.1), and from it the
// canonical URL.
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

// escapeQuery escapes the bytes that net/url accepts in a query although a request
// line may not hold them (RFC 3986, section 3.4).
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

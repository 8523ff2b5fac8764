package app

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// AddressFault returns what is wrong with a listener's address, as the end of a
// sentence about the setting; "" if nothing is.
func AddressFault(text string) string {
	if text == "" {
		return "is empty, not HOST:PORT or :PORT"
	}
	host, port, err := net.SplitHostPort(text)
	switch {
	case err != nil && strings.Count(text, ":") > 1:
		return fmt.Sprintf("is %q, not HOST:PORT or :PORT: an IPv6 address stands in brackets, as in [::1]:8080", text)
	case err != nil:
		return fmt.Sprintf("is %q, not HOST:PORT or :PORT: the port is missing", text)
	}
	if fault := portFault(port); fault != "" {
		return fmt.Sprintf("is %q: the port %s", text, fault)
	}
	// A host that cannot be one is refused before the listener asks a resolver for it,
	// which could take seconds and give a worse error.
	if host != "" && !isHost(host) {
		return fmt.Sprintf("is %q: the host %q is neither an IP address nor a name", text, host)
	}
	return ""
}

// portFault returns what is wrong with a port; "" if nothing is. A port may be given by
// the name of its service, such as https.
func portFault(port string) string {
	if port == "" {
		return "is missing"
	}
	if n, err := strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
		return fmt.Sprintf("%s is not from 0 to 65535", port)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Sprintf("%q is not a number from 0 to 65535", port)
	}
	return ""
}

// hostName matches the name of a host: letters, digits, hyphens and dots. A name that
// ends in a number is meant as an address (RFC 1123, section 2.1).
var (
	hostName   = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)
	numberLast = regexp.MustCompile(`(^|\.)[0-9]+\.?$`)
)

func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	return hostName.MatchString(text) && !numberLast.MatchString(text)
}

// sizeUnits matches the units of a size that humanize reads, in upper or lower case.
var sizeUnits = regexp.MustCompile(`^(?i:[kmgtpe]?i?b?)$`)

// sizeFault returns an error that names the wrong part of a size. humanize's own errors
// are those of strconv, which quote the number without its unit.
func sizeFault(text string) error {
	end := strings.LastIndexAny(text, "0123456789.,") + 1
	number, unit := strings.TrimSpace(text[:end]), strings.TrimSpace(text[end:])
	const example = "write a size such as 512MiB or 2GiB"
	switch {
	case number == "":
		return fmt.Errorf("%q has no number: %s", text, example)
	case strings.HasPrefix(number, "-"):
		return fmt.Errorf("%q is negative: %s", text, example)
	case !sizeUnits.MatchString(unit):
		return fmt.Errorf("%q has the unit %q, which is not one of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB: %s", text, unit, example)
	}
	return fmt.Errorf("%q has the number %q, which cannot be read or is too large: %s", text, number, example)
}

// isReachable reports whether another machine can connect to an address.
func isReachable(address string) bool {
	host, port, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && host != "" && port != "" && (ip == nil || !ip.IsUnspecified())
}

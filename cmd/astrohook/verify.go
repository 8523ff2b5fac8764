package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/webhook"
	"github.com/corpastro/astrohook/webhook/signing"
)

// maxDeliveryBody bounds the body of a delivery, in bytes: the largest payload, with
// ample room for the fields around it.
const maxDeliveryBody = webhook.MaxPayload + 4<<10

// verifyCommand checks a request that somebody has kept or copied, for those who write a
// receiver. It takes headers as curl does.
type verifyCommand struct {
	// sep:"none" because secrets and headers may contain commas, at which lists are split
	// otherwise.
	Secret       []string `sep:"none" placeholder:"SECRET" help:"The webhook's secret; repeat it for several that may have signed."`
	PublicKey    []string `sep:"none" placeholder:"WHPK" help:"The webhook's public key (whpk_…), if it signs with a private one; repeat it for several."`
	Header       []string `short:"H" sep:"none" placeholder:"'NAME: VALUE'" help:"A header of the request, as curl takes it; repeat it for each."`
	HeaderPrefix string   `default:"X-Corp-Astro" help:"Prefix of the names of the delivery's own headers."`
	// Tolerance bounds both ways: a sender's clock may run ahead.
	Tolerance time.Duration `default:"5m" help:"How far the signed time may be from now."`
	AnyAge    bool          `help:"Ignore the signed time, for a request that was kept."`
	Body      string        `arg:"" optional:"" default:"-" help:"File with the body, byte for byte as received; - for the standard input."`
}

// Run prints whether each signature is valid, and returns an error unless all are.
func (c *verifyCommand) Run(std streams) error {
	headers, err := parseHeaders(c.Header)
	if err != nil {
		return err
	}
	if len(c.Secret) == 0 && len(c.PublicKey) == 0 {
		return settings.Misuse("--secret (ASTROHOOK_SECRET) is not set, nor is --public-key (ASTROHOOK_PUBLIC_KEY)")
	}
	body, err := readInput(c.Body, std.In, maxDeliveryBody)
	if err != nil {
		return err
	}
	// With --any-age the signed time is compared with itself. It is still part of what is
	// signed, so a changed one does not pass.
	check := signatureCheck{secrets: c.Secret, publicKeys: c.PublicKey, prefix: c.HeaderPrefix, tolerance: c.Tolerance}
	now := time.Now()
	if c.AnyAge {
		now = signedTime(headers, now)
	}
	results := check.run(headers, body, now)
	if len(results) == 0 {
		return settings.Misuse(fmt.Sprintf("no signature to check: give -H '%s: …' or -H '%s: …' with its id and timestamp",
			webhook.HeadersFor(c.HeaderPrefix).Signature, signing.HeaderSignature))
	}
	if line := eventLine(headers, webhook.HeadersFor(c.HeaderPrefix)); line != "" {
		if _, err := fmt.Fprintln(std.Out, line); err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
	}
	return report(std.Out, results)
}

// report prints a line for each signature, and returns an error that names the headers of
// those that are not valid.
func report(w io.Writer, results []signatureResult) error {
	var wrong []string
	for _, r := range results {
		if _, err := fmt.Fprintln(w, r); err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
		if r.err != nil {
			wrong = append(wrong, r.header)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("not valid: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// signatureCheck checks every signature of a request for which it has a key. The
// signature in hex exists for secrets only, not for key pairs.
type signatureCheck struct {
	secrets    []string      // any of them may have signed
	publicKeys []string      // the same
	prefix     string        // of the names of the delivery's own headers
	tolerance  time.Duration // between the signed time and now; 0 for the verifier's default
}

// least returns how many signatures a delivery must carry: 2 with secrets, 1 with
// public keys, since a private key signs no hex; 0 without keys.
func (c signatureCheck) least() int {
	switch {
	case len(c.publicKeys) > 0:
		return 1
	case len(c.secrets) > 0:
		return 2
	}
	return 0
}

// signatureResult is the result of checking one signature.
type signatureResult struct {
	header string // name of the header that has it
	err    error  // nil if it is valid
}

// String returns the line that people read.
func (r signatureResult) String() string {
	if r.err == nil {
		return r.header + ": valid"
	}
	return r.header + ": NOT VALID: " + strings.TrimPrefix(r.err.Error(), "verify: ")
}

// run checks the signatures whose headers the request has: the one in hex first, then the
// one of Standard Webhooks. Whether all that must be there are is for the caller to judge.
func (c signatureCheck) run(headers http.Header, body []byte, now time.Time) []signatureResult {
	var results []signatureResult
	if hex, ok := c.runHex(headers, body); ok {
		results = append(results, hex)
	}
	v := signing.Verifier{Secrets: c.secrets, PublicKeys: c.publicKeys, Tolerance: c.tolerance}
	if headers.Get(signing.HeaderSignature) != "" {
		_, err := v.Verify(headers.Get, body, now)
		results = append(results, signatureResult{signing.HeaderSignature, err})
	}
	return results
}

// runHex checks the signature in hex, if there is one. While a secret is being rotated
// there are two, and one valid signature is enough.
func (c signatureCheck) runHex(headers http.Header, body []byte) (signatureResult, bool) {
	names := webhook.HeadersFor(c.prefix)
	var result signatureResult
	found := false
	for _, name := range [...]string{names.Signature, names.SignatureNext} {
		if headers.Get(name) == "" || len(c.secrets) == 0 {
			continue
		}
		// The verifier sees one header only: it must not accept one signature for the other.
		only := func(asked string) string {
			if asked == name {
				return headers.Get(name)
			}
			return ""
		}
		v := signing.Verifier{Secrets: c.secrets, SignatureHeader: name}
		err := v.VerifyHex(only, body)
		if !found || err == nil {
			result, found = signatureResult{name, err}, true
		}
		if err == nil {
			break
		}
	}
	return result, found
}

// signedTime returns the time in a request's headers, or otherwise if they have none.
func signedTime(headers http.Header, otherwise time.Time) time.Time {
	seconds, err := strconv.ParseInt(headers.Get(signing.HeaderTimestamp), 10, 64)
	if err != nil {
		return otherwise
	}
	return time.Unix(seconds, 0)
}

// parseHeaders reads headers in the form that curl takes. Names may repeat, as in a
// request.
func parseHeaders(lines []string) (http.Header, error) {
	headers := http.Header{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, settings.Misuse(fmt.Sprintf("--header %q is not in the form 'NAME: VALUE'", line))
		}
		headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return headers, nil
}

// readInput returns the content of a file, or of the standard input for "-". More than
// limit bytes are an error, because a signature of a part is not valid and a part of an
// event is another event.
func readInput(path string, stdin io.Reader, limit int64) ([]byte, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the input: %w", err)
		}
		defer func() { _ = file.Close() }()
		stdin = file
	}
	content, err := io.ReadAll(io.LimitReader(stdin, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the input: %w", err)
	}
	if int64(len(content)) > limit {
		return nil, errors.New("read the input: longer than " + strconv.FormatInt(limit, 10) + " bytes")
	}
	return content, nil
}

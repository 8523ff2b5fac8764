package session

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/corpastro/astrohook/httpapi/problem"
	"github.com/corpastro/astrohook/webhook"
)

// Bounds of a brand.
const (
	maxBrandName = 100      // characters
	maxLogo      = 32 << 10 // bytes of the URL
)

var (
	colorForm = regexp.MustCompile(`^#[0-9a-f]{6}$`)
	// dataForm is a data URL of an image. An SVG that is shown as an image runs no scripts
	// and loads nothing.
	dataForm = regexp.MustCompile(`^data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,([A-Za-z0-9+/]+={0,2})$`)
)

// CheckBrand returns what is wrong with a brand, as a *webhook.FieldError whose field is
// name, color or logo_url; nil if nothing is.
func CheckBrand(b webhook.Brand) error {
	switch {
	case utf8.RuneCountInString(b.Name) > maxBrandName:
		return problem.OfField("name", fmt.Sprintf("is longer than %d characters", maxBrandName))
	case !utf8.ValidString(b.Name) || strings.ContainsFunc(b.Name, unicode.IsControl):
		return problem.OfField("name", "has characters that cannot be shown")
	case b.Color != "" && !colorForm.MatchString(b.Color):
		return problem.OfField("color", "must be a colour as #rrggbb, in lower-case hexadecimal digits")
	case len(b.LogoURL) > maxLogo:
		return problem.OfField("logo_url", fmt.Sprintf("is longer than %d bytes", maxLogo))
	case b.LogoURL != "" && !isLogo(b.LogoURL):
		return problem.OfField("logo_url", "must be an https URL, or data:image/ with png, jpeg, gif, webp or svg+xml in base64")
	}
	return nil
}

func isLogo(text string) bool {
	if data := dataForm.FindStringSubmatch(text); data != nil {
		_, err := base64.StdEncoding.DecodeString(data[1])
		return err == nil
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && hostForm.MatchString(u.Host) && u.User == nil && u.Fragment == ""
}

// hostForm is a host that can stand in a header: no character of it ends a directive.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]+(?::[0-9]{1,5})?$`)

// checkLogoOrigin returns an error if the pages could not load a logo: their policy is set
// before they know of any link, so it names the origin of the setting only.
func checkLogoOrigin(logo, configured string) error {
	u, err := url.Parse(logo)
	if err != nil || u.Scheme != "https" {
		return nil // none, or a data URL
	}
	if own, err := url.Parse(configured); err == nil && sameOrigin(own, u) {
		return nil
	}
	return problem.OfField("logo_url", "must have the host of the setting brand-logo, or be a data URL: browsers load images of no other host")
}

// or returns the brand with those parts of another one that it leaves out.
func or(b, other webhook.Brand) webhook.Brand {
	if b.Name == "" {
		b.Name = other.Name
	}
	if b.Color == "" {
		b.Color = other.Color
	}
	if b.LogoURL == "" {
		b.LogoURL = other.LogoURL
	}
	return b
}

// ParsePages reads the settings public-url, portal-frame-origins, brand-name, brand-color
// and brand-logo. Its error is a *webhook.FieldError with the setting's name as Field.
func ParsePages(publicURL string, frameOrigins []string, b webhook.Brand) (Pages, error) {
	p := Pages{Brand: b, FrameOrigins: frameOrigins}
	var err error
	if p.PublicURL, err = parsePublicURL(publicURL); err != nil {
		return p, err
	}
	for _, origin := range frameOrigins {
		if !isFrameOrigin(origin) {
			return p, problem.OfField("portal-frame-origins", "must be origins such as https://app.example.com: in a frame, browsers keep cookies with TLS only")
		}
	}
	if fault, ok := errors.AsType[*webhook.FieldError](CheckBrand(b)); ok {
		settings := map[string]string{"name": "brand-name", "color": "brand-color", "logo_url": "brand-logo"}
		return p, problem.OfField(settings[fault.Field], fault.Reason)
	}
	return p, nil
}

// parsePublicURL reads the address under which browsers reach the server; nil for none.
func parsePublicURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !hostForm.MatchString(u.Host) ||
		u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsAny(u.Path, ";,\" \\") {
		return nil, problem.OfField("public-url", "must be an http or https URL without user, query and fragment, such as https://hooks.example.com/astrohook")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// isFrameOrigin reports whether a text is an origin whose pages can show the portal in a
// frame.
func isFrameOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && hostForm.MatchString(u.Host) && text == "https://"+u.Host
}

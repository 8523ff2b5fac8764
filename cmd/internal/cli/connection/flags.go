// Package connection decides which server a command calls, and as whom: the flags, and the
// profiles that login keeps.
//
// Server, token and their sources belong here, with the commands that manage profiles. How
// a call is made belongs to apiclient, and which calls there are to the commands.
package connection

import (
	"fmt"
	"os"
	"strings"

	"github.com/corpastro/astrohook/cmd/internal/apiclient"
	"github.com/corpastro/astrohook/cmd/internal/settings"
)

// DefaultServer is where `serve --dev` listens, and a server without another address.
const DefaultServer = "http://127.0.0.1:8080"

// Flags choose the server, and the token to call it with. A profile is one unit: its token
// goes to its own server only. So a profile that is named excludes the other two flags, and
// either of these excludes the profile that login made last.
type Flags struct {
	Server  string `placeholder:"URL" help:"The server. Default: that of the profile, or http://127.0.0.1:8080."`
	Token   string `placeholder:"TOKEN" help:"Token, or API key. Default: that of the profile."`
	Profile string `complete:"profile" placeholder:"NAME" help:"Server and token that login keeps under this name. Default: those of the latest login, without --server and --token."`
}

// Target is a server and the token to call it with. The token may be empty.
type Target struct {
	Server, Token string
	Profile       string // that both come from; "" for none
}

// Target returns what the flags choose. An unknown profile, and one beside --server or
// --token, are a *settings.UsageError.
func (f *Flags) Target() (Target, error) {
	named := f.Profile != ""
	if !named && (f.Server != "" || f.Token != "") {
		return Target{Server: f.serverOrDefault(), Token: f.Token}, nil
	}
	if named && (f.Server != "" || f.Token != "") {
		return Target{}, settings.Misuse(fmt.Sprintf(
			"the profile %s has a server and a token of its own: leave out --server and --token (ASTROHOOK_SERVER, ASTROHOOK_TOKEN)", f.Profile))
	}
	file, err := readProfiles()
	if err != nil {
		if named {
			if os.IsNotExist(err) {
				err = file.unknown(f.Profile)
			}
			return Target{}, err
		}
		// Who has never logged in has no file, and needs none.
		return Target{Server: DefaultServer}, ignoreMissing(err)
	}
	name := f.Profile
	if !named {
		name = file.Current
	}
	p, there := file.Profiles[name]
	switch {
	case there:
		return Target{Server: p.Server, Token: p.Token, Profile: name}, nil
	case named:
		return Target{}, file.unknown(name)
	}
	return Target{Server: DefaultServer}, nil
}

// Client returns a client of the chosen server. A missing token, and whatever Target
// refuses, is a *settings.UsageError.
func (f *Flags) Client() (*apiclient.Client, error) {
	target, err := f.Target()
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(target.Token) == "" {
		return nil, settings.Misuse("--token (ASTROHOOK_TOKEN) is not set, and there is no profile: " +
			"`astrohook login` keeps a server and its token, `astrohook token` makes one, and an API key does as well")
	}
	return apiclient.New(target.Server, target.Token)
}

// serverOrDefault returns the server of the flag, or the default one.
func (f *Flags) serverOrDefault() string {
	if f.Server == "" {
		return DefaultServer
	}
	return f.Server
}

// ignoreMissing returns nil for an error about a file, or a home directory, that does not
// exist.
func ignoreMissing(err error) error {
	if os.IsNotExist(err) || isHomeless(err) {
		return nil
	}
	return err
}

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/settings"
	"github.com/corpastro/astrohook/storage/disk"
	"github.com/corpastro/astrohook/storage/keyring"
)

const (
	// devListen is loopback: the token and the targets on this machine are not for others.
	devListen = "127.0.0.1:8080"
	// The files that --dev writes to the data directory.
	devSecretFile = "dev-secret"
	devKeyFile    = "dev-secret-key"
	devTokenFile  = "dev-token"
	devClient     = "dev" // the client of the token and of the printed commands
	devLifetime   = 30 * 24 * time.Hour
	// devMinRetry lets a first look show retries without waiting for them.
	devMinRetry = time.Millisecond
)

// loopback are the ranges that --dev allows for targets, beside the public ones.
var loopback = []string{"127.0.0.0/8", "::1/128"}

// devMode is what a server with --dev prints at its start.
type devMode struct {
	tokenFile string // holds an administrator's token
}

// prepareDev changes the settings to those of --dev, and writes an administrator's
// token, the secrets and the keys to the data directory, which nobody else can read. The
// token is written at each start, as it expires.
func prepareDev(config *app.Config, now time.Time) (devMode, error) {
	if err := completeDev(config); err != nil {
		return devMode{}, err
	}
	content := claims{
		issuer: config.JWTIssuer, audience: config.JWTAudience,
		client: devClient, scopes: []string{"admin"}, lifetime: devLifetime,
	}
	token, err := content.sign(config.JWTSecret, now)
	if err != nil {
		return devMode{}, err
	}
	file := filepath.Join(config.DataDir, devTokenFile)
	if err := disk.Replace(file, line(token)); err != nil {
		return devMode{}, fmt.Errorf("keep the token: %w", err)
	}
	return devMode{tokenFile: file}, nil
}

// completeDev changes the settings to those of --dev. It keeps a secret and a key that
// the data directory has already: what they encrypted must stay readable.
func completeDev(config *app.Config) error {
	if config.Listen == "" {
		config.Listen = devListen
	}
	config.AllowUnpatched = true // printHints says it
	config.AllowAddresses = append(config.AllowAddresses, loopback...)
	if config.MinWebhookRetry == 0 {
		config.MinWebhookRetry = devMinRetry
	}
	if err := disk.MakeDir(config.DataDir); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if config.JWTSecret == "" {
		secret, err := keptSecret(filepath.Join(config.DataDir, devSecretFile), newDevSecret)
		if err != nil {
			return err
		}
		config.JWTSecret = secret
	}
	if len(config.SecretKeys) == 0 {
		key, err := keptSecret(filepath.Join(config.DataDir, devKeyFile), newDevKey)
		if err != nil {
			return err
		}
		config.SecretKeys = []string{key}
	}
	return nil
}

// newDevSecret returns a secret of 52 letters and digits, more than the 32 bytes that a
// token secret must have.
func newDevSecret() (string, error) { return rand.Text() + rand.Text(), nil }

// newDevKey returns a key that encrypts the webhooks' secrets.
func newDevKey() (string, error) {
	key, err := keyring.Generate("dev", rand.Reader)
	return key.Text(), err
}

// keptSecret returns the secret in a file, and makes the file if there is none. An empty
// file is an error: a crash of the machine may have lost its content, and a new key in
// its place would hide that the old one is needed.
func keptSecret(path string, generate func() (string, error)) (string, error) {
	content, err := os.ReadFile(path)
	if err == nil {
		secret := settings.SecretLine(content)
		if secret == "" {
			return "", fmt.Errorf("%s is empty: restore its content, or remove the file to have a new secret made", path)
		}
		return secret, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	secret, err := generate()
	if err != nil {
		return "", err
	}
	// The file is synced before the key is used: what it encrypts would be lost without it.
	if err := disk.Create(path, line(secret)); err != nil {
		return "", fmt.Errorf("keep the secret: %w", err)
	}
	return secret, nil
}

// line returns a function that writes a text and the end of its line.
func line(text string) func(*os.File) error {
	return func(file *os.File) error {
		_, err := file.WriteString(text + "\n")
		return err
	}
}

// devReceiver is the address of the receiver that the printed commands start.
const devReceiver = "127.0.0.1:9000"

// printHints prints the server's address, and commands to paste into other terminals
// in the same folder. They read the token from its file: a printed token would stay in
// scrollback and logs.
func (d devMode) printHints(w io.Writer, program string, addr net.Addr) {
	server := "http://" + reachable(addr)
	bearer := `-H "Authorization: Bearer $(cat ` + quote(d.tokenFile) + `)"`
	secret := "first-look-" + strings.ToLower(rand.Text())
	_, _ = fmt.Fprintf(w, `
Astrohook runs for a first look (--dev): %[1]s/
An admin's token, good for 30 days, is in %[2]s

Paste these into other terminals in this folder:
1. Receive deliveries
  %[3]s listen --address %[6]s --secret %[5]s
2. Register a webhook
  curl -sS %[4]s %[1]s/api/webhooks -d '{"client_id":"%[7]s","event_types":["*"],"target_url":"http://%[6]s/","secret":"%[5]s"}'
3. Publish an event
  curl -sS %[4]s %[1]s/api/events -d '{"event_type":"user.created","data":{"user_id":42,"plan":"pro"}}'

`, server, d.tokenFile, quote(program), bearer, secret, devReceiver, devClient)
	if !app.Patched() {
		_, _ = fmt.Fprintln(w, "This program was built without the patches to its database: for a first look only. Build with make to run it in production.")
	}
}

// reachable returns an address at which this machine reaches a listener. One on all
// interfaces is reached at loopback.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// quote returns a word in the form that a shell reads as one word.
func quote(word string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("./_-+:,@%", c)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

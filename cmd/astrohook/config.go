package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/cmd/internal/app"
	"github.com/corpastro/astrohook/cmd/internal/cli/output"
	"github.com/corpastro/astrohook/cmd/internal/settings"
)

// configCommand looks at the settings of a server without starting one.
type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Check the settings that serve would start with. Takes all flags of serve, reads the same environment and file, and touches no data."`
	Print configPrintCommand `cmd:"" help:"Show each setting that serve would start with, and where it comes from; secrets are masked. Takes all flags of serve."`
}

// configCheckCommand checks settings.
type configCheckCommand struct {
	serveCommand `embed:""`
}

// Run checks the settings as serve does, and prints that they are right. What is wrong is
// one line, with the place.
func (c *configCheckCommand) Run(std streams, command *kong.Context) error {
	if err := settings.CheckEnvironment(command.Model); err != nil {
		return err
	}
	config, err := c.stoodIn()
	if err != nil {
		return err
	}
	config.Log = c.logger(std.Err, new(slog.LevelVar))
	if _, err := app.New(config); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Out, "The settings are right.")
	return err
}

// stoodIn returns the settings with stand-ins for what --dev would make in the data
// directory.
func (c *serveCommand) stoodIn() (app.Config, error) {
	config := c.Config
	if !c.Dev {
		return config, nil
	}
	config.AllowUnpatched = true
	config.AllowAddresses = append(slices.Clone(config.AllowAddresses), loopback...)
	if config.MinWebhookRetry == 0 {
		config.MinWebhookRetry = devMinRetry
	}
	if config.JWTSecret == "" {
		config.JWTSecret, _ = newDevSecret()
	}
	if len(config.SecretKeys) > 0 {
		return config, nil
	}
	key, err := newDevKey()
	config.SecretKeys = []string{key}
	return config, err
}

// configPrintCommand prints settings.
type configPrintCommand struct {
	serveCommand `embed:""`
	output.Flags `embed:""`
}

// setting is one setting as it is printed. Its value is a text, whatever its type is.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"` // "" if it is not set and has no default
	From  string `json:"from"`  // --flag, the variable, the line of the file, or default
}

// settingColumns are the columns of the settings.
var settingColumns = []output.Column[setting]{
	{Title: "SETTING", Text: func(s setting) string { return s.Name }},
	{Title: "VALUE", Text: func(s setting) string { return s.Value }, Tone: setting.tone, Least: 15},
	{Title: "FROM", Text: func(s setting) string { return s.From }, Tone: setting.tone, Least: 15},
}

// tone returns the colour of a setting: what somebody has set stands out.
func (s setting) tone() output.Tone {
	if s.From == fromDefault {
		return output.Quiet
	}
	return output.Plain
}

// fromDefault is where a value comes from that nobody has set.
const fromDefault = "default"

// Run prints all settings in the order of docs/settings.md. It checks none: whoever looks
// for a fault wants to see them as they are.
func (c *configPrintCommand) Run(std streams, command *kong.Context, file *settings.File) error {
	values := func(yield func(json.RawMessage, error) bool) {
		for _, flag := range command.Selected().Flags {
			if flag.Group == nil || flag.Name == "output" {
				continue // not a setting of serve
			}
			text, err := json.Marshal(setting{flag.Name, masked(flag), origin(flag, command, file)})
			if !yield(text, err) {
				return
			}
		}
	}
	_, err := output.List(c.Printer(std), values, settingColumns)
	return err
}

// origin returns where the value of a flag comes from.
func origin(flag *kong.Flag, command *kong.Context, file *settings.File) string {
	for _, part := range command.Path {
		if part.Flag == flag && !part.Resolved {
			return "--" + flag.Name
		}
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return name
		}
	}
	if at := file.Where(flag.Name); at != "" {
		return at
	}
	return fromDefault
}

// mask stands for a secret.
const mask = "***"

// masks hide the secret part of a setting's value, by name. A test holds the list to the
// placeholders of the flags.
var masks = map[string]func(string) string{
	"jwt-secret":     func(string) string { return mask },
	"cluster-secret": func(string) string { return mask },
	"jwt-secrets":    func(entry string) string { return upTo(entry, "=") + mask },
	"secret-keys":    func(entry string) string { return upTo(entry, ":") + mask },
	"database-url":   maskPassword,
	"egress-proxy":   maskPassword,
	"jwt-keys-url":   maskPassword,
}

// upTo returns the beginning of a text up to a separator, which it includes; "" if there is
// none.
func upTo(text, separator string) string {
	before, _, found := strings.Cut(text, separator)
	if !found {
		return ""
	}
	return before + separator
}

// maskPassword returns a URL without its user and password, and without a query, which can
// hold a key. Of a text that is no URL nobody knows where its secrets are.
func maskPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return mask
	}
	if u.User != nil {
		u.User = url.User("xxxxx") // as (*url.URL).Redacted does
	}
	if u.RawQuery != "" {
		u.RawQuery = "xxxxx"
	}
	return u.String()
}

// masked returns a flag's value as a text, lists with commas, without secrets.
func masked(flag *kong.Flag) string {
	texts := []string{text(flag)}
	if list, ok := flag.Target.Interface().([]string); ok {
		texts = list
	}
	hide := masks[flag.Name]
	if hide == nil {
		return strings.Join(texts, ",")
	}
	var hidden []string
	for _, text := range texts {
		if text != "" {
			hidden = append(hidden, hide(text))
		}
	}
	return strings.Join(hidden, ",")
}

// text returns the value of a flag that is no list, as a settings file would have it; "" if
// it is not set and has no default.
func text(flag *kong.Flag) string {
	value := flag.Target.Interface()
	switch v := value.(type) {
	case time.Duration:
		if v != 0 || flag.HasDefault {
			return output.Milliseconds(float64(v) / float64(time.Millisecond))
		}
	case bool:
		return strconv.FormatBool(v)
	default:
		if !flag.Target.IsZero() || flag.HasDefault {
			return fmt.Sprint(value)
		}
	}
	return ""
}

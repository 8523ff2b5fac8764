package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// yaml prints a value as a YAML document, or as one element of a sequence.
func (p *Printer) yaml(value json.RawMessage, element bool) error {
	node, err := yamlNode(value)
	if err != nil {
		return err
	}
	if element {
		node = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{node}}
	}
	var text bytes.Buffer
	if p.began && !element {
		text.WriteString("---\n")
	}
	p.began = true
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(node), encoder.Close()); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return p.print(text.Bytes())
}

// yamlNode returns a JSON text as a node of YAML. It reads tokens, because a map would lose
// the order of members and a float the digits of a number.
func yamlNode(value json.RawMessage) (*yaml.Node, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	node, err := nextNode(decoder)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the server's answer is not JSON: %w", err)
	}
	return node, nil
}

// nextNode reads one value.
func nextNode(decoder *json.Decoder) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return scalar(token), nil
	}
	node := &yaml.Node{Kind: yaml.MappingNode}
	if delim == '[' {
		node.Kind = yaml.SequenceNode
	}
	for decoder.More() { // of an object, names and values in turn
		inner, err := nextNode(decoder)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, inner)
	}
	if len(node.Content) == 0 {
		node.Style = yaml.FlowStyle // {} and []: YAML has no other form
	}
	_, err = decoder.Token() // the end of the object or the array
	return node, err
}

// needsQuotes are the texts that the encoder would leave bare, and that readers take for
// something else: the key of a merge; what YAML 1.1 has as truth values, as a default and as
// numbers to the base of 60; several lines that begin with a space, or have other ends than a
// line feed, which the encoder indents so that its own reader fails.
var needsQuotes = regexp.MustCompile(`^(?:<<|=|(?i:yes|no|on|off)|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)$` +
	`|^\s|[\r\x{85}\x{2028}\x{2029}\x{feff}]`)

// scalar returns a value that holds no others. The tag of a text has the encoder quote one
// that looks like a number; a number has no tag, so that its digits stay as they are. In
// quotes, escaped changes how a text is written and not what it means.
func scalar(token json.Token) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(token)}
	switch text := token.(type) {
	case string:
		node.Tag = "!!str"
		if needsQuotes.MatchString(text) || strings.ContainsFunc(text, steers) {
			node.Style = yaml.DoubleQuotedStyle
		}
	case nil:
		node.Value = "null"
	}
	return node
}

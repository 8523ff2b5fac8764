package peer

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"

	"github.com/corpastro/astrohook/storage"
)

// Ask asks a node a question, and returns its answer. Both are encoded with gob: fields
// that the other side does not know, because it is of another version, are left out.
func Ask[Q, A any](ctx context.Context, c *Client, to storage.Node, path string, question Q) (answer A, err error) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(&question); err != nil {
		return answer, fmt.Errorf("encode a question: %w", err)
	}
	content, err := c.Call(ctx, to, path, body.Bytes())
	if err != nil {
		return answer, err
	}
	if err := gob.NewDecoder(bytes.NewReader(content)).Decode(&answer); err != nil {
		return answer, fmt.Errorf("%w: its answer cannot be read: %w", ErrAway, err)
	}
	return answer, nil
}

// Answer returns the Handler of a question.
func Answer[Q, A any](answer func(ctx context.Context, question Q) (A, error)) Handler {
	return func(ctx context.Context, _ storage.Incarnation, body []byte) ([]byte, error) {
		var question Q
		if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&question); err != nil {
			return nil, errBody
		}
		answered, err := answer(ctx, question)
		if err != nil {
			return nil, err
		}
		var content bytes.Buffer
		if err := gob.NewEncoder(&content).Encode(&answered); err != nil {
			return nil, fmt.Errorf("encode an answer: %w", err)
		}
		return content.Bytes(), nil
	}
}

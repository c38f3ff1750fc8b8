// Package presidio finds personal data with Microsoft Presidio's analyzer, by
// its REST API's POST /analyze. It needs an analyzer of version 2.2.361 or newer,
// the first that takes several texts at once.
//
// The texts leave the gateway, for a service that the operator runs.
package presidio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/passage"
)

const (
	maxBytes  = 100_000  // of one text; spaCy, which Presidio runs on, stops at a million characters
	maxAnswer = 16 << 20 // bytes
)

// Options says where Presidio is, and what to ask it for.
type Options struct {
	// URL of the analyzer, http or https, without /analyze. It may hold a user
	// and a password.
	URL      gateway.Secret
	Language string // of the texts, such as en
	// ScoreThreshold is the least score of what is found, from 0 to 1.
	ScoreThreshold float64
}

// Detector asks Presidio. It is safe for concurrent use.
type Detector struct {
	url       string
	language  string
	threshold float64
	client    *http.Client
	transport *http.Transport
}

var _ pii.Detector = (*Detector)(nil)

// New makes a detector; nothing is sent yet. The error is for a URL that cannot
// be one of Presidio, and does not repeat it.
func New(o Options) (*Detector, error) {
	u, err := url.Parse(o.URL.Reveal())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("is no URL of http or https without query")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	return &Detector{
		url: u.JoinPath("analyze").String(), language: o.Language, threshold: o.ScoreThreshold, transport: transport,
		client: &http.Client{
			Transport: transport,
			// A redirection would take the text elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close lets go of idle connections.
func (d *Detector) Close() { d.transport.CloseIdleConnections() }

// request is the body of POST /analyze. The entities are left out: a server
// answers with an error when it has none of those that it is asked for.
type request struct {
	Text      []string `json:"text"`
	Language  string   `json:"language"`
	Threshold float64  `json:"score_threshold"`
}

// Detect is pii.Detector's. It makes one call, and none when there is nothing to
// find.
func (d *Detector) Detect(ctx context.Context, texts []string, wanted pii.Set) ([][]pii.Span, error) {
	found := make([][]pii.Span, len(texts))
	passages := passage.Split(texts, maxBytes)
	if wanted&pii.All == 0 || len(passages) == 0 {
		return found, nil
	}
	in := request{Language: d.language, Threshold: d.threshold}
	for _, p := range passages {
		in.Text = append(in.Text, p.Of(texts))
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("ask presidio: %w", err)
	}
	answer, err := d.analyze(ctx, body)
	if err != nil {
		return nil, fmt.Errorf("ask presidio: %w", err)
	}
	lists, err := read(answer)
	if err != nil {
		return nil, fmt.Errorf("ask presidio: %w", err)
	}
	if len(lists) != len(passages) {
		return nil, fmt.Errorf("ask presidio: %d results for %d texts", len(lists), len(passages))
	}
	for i, p := range passages {
		spans, err := d.spans(in.Text[i], lists[i], wanted)
		if err != nil {
			return nil, fmt.Errorf("ask presidio: %w", err)
		}
		for _, s := range spans {
			s.Start, s.End = s.Start+p.Start, s.End+p.Start
			found[p.Text] = append(found[p.Text], s)
		}
	}
	for i := range found {
		found[i] = pii.Join(found[i])
	}
	return found, nil
}

// analyze sends body, and returns the answer's. Errors do not repeat what the
// server says, which may repeat the text.
func (d *Detector) analyze(ctx context.Context, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the request cannot be made")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	resp, err := d.client.Do(r)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // without the URL
		}
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read, or is given up
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("status %d: %w", resp.StatusCode, pii.ErrRefused)
	default:
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	if err != nil {
		return nil, err
	}
	if len(answer) > maxAnswer {
		return nil, errors.New("the answer is too long")
	}
	return answer, nil
}

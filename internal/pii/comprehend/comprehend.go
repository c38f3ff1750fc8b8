// Package comprehend finds personal data with AWS Comprehend, by its operation
// DetectPiiEntities.
//
// The texts leave the gateway, and every call is billed by its length and no
// less than a minimum. So short texts share a call, and nothing is sent when no
// type is wanted.
package comprehend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/comprehend"
	"github.com/aws/aws-sdk-go-v2/service/comprehend/types"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/passage"
)

const (
	maxBytes  = 100_000 // of UTF-8 in one call, as Comprehend has it
	maxAnswer = 4 << 20 // bytes of one answer
	parallel  = 4       // calls at once for one Detect
)

// Options says where Comprehend is, and who asks.
type Options struct {
	Region   string
	Language string // of the texts: en or es
	// Endpoint is a URL in place of the region's own; empty: that.
	Endpoint string

	// The credential. Without AccessKeyID the SDK looks for one itself, such as
	// the role of the machine or the pod.
	AccessKeyID     string
	SecretAccessKey gateway.Secret
	SessionToken    gateway.Secret

	ConnectTimeout time.Duration // to a connection, and as long for TLS
}

// Detector asks Comprehend. It is safe for concurrent use.
type Detector struct {
	client    *comprehend.Client
	transport *http.Transport
	language  types.LanguageCode
}

var _ pii.Detector = (*Detector)(nil)

// New makes a detector; nothing is sent yet. The error is for settings of AWS on
// this machine that cannot be read.
func New(ctx context.Context, o Options) (*Detector, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(o.Region), config.WithLogger(logging.Nop{})}
	if o.AccessKeyID != "" {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			o.AccessKeyID, o.SecretAccessKey.Reveal(), o.SessionToken.Reveal())))
	}
	settings, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("read the settings of AWS: %w", err)
	}
	transport := newTransport(settings.HTTPClient, o.ConnectTimeout)
	settings.HTTPClient = &http.Client{
		Transport: bounded{transport},
		// A redirection would take the text elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Detector{
		client: comprehend.NewFromConfig(settings, func(c *comprehend.Options) {
			if o.Endpoint != "" {
				c.BaseEndpoint = aws.String(o.Endpoint)
			}
		}),
		transport: transport,
		language:  types.LanguageCode(o.Language),
	}, nil
}

// newTransport is the SDK's own, which knows AWS_CA_BUNDLE, with our times.
func newTransport(client aws.HTTPClient, connect time.Duration) *http.Transport {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	transport := buildable.GetTransport()
	transport.DialContext = (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext
	transport.TLSHandshakeTimeout = connect
	transport.MaxIdleConnsPerHost = 8 * parallel
	return transport
}

// Close lets go of idle connections.
func (d *Detector) Close() { d.transport.CloseIdleConnections() }

// Detect is pii.Detector's. Long texts take several calls. Throttled and broken
// calls are made again, up to three times, while ctx lasts; any other failure of
// one call fails all.
func (d *Detector) Detect(ctx context.Context, texts []string, wanted pii.Set) ([][]pii.Span, error) {
	found := make([][]pii.Span, len(texts))
	if wanted&pii.All == 0 {
		return found, nil
	}
	calls := joinShort(texts, passage.Split(texts, maxBytes))
	answers := make([][]types.PiiEntity, len(calls))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, c := range calls {
		group.Go(func() error {
			out, err := d.client.DetectPiiEntities(groupCtx, &comprehend.DetectPiiEntitiesInput{LanguageCode: d.language, Text: &c.text})
			if err != nil {
				return describe(err)
			}
			answers[i] = out.Entities
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, c := range calls {
		if err := c.place(answers[i], wanted, found); err != nil {
			return nil, err
		}
	}
	for i := range found {
		found[i] = pii.Join(found[i])
	}
	return found, nil
}

// place turns what was found in the call into spans of the texts.
func (c *call) place(entities []types.PiiEntity, wanted pii.Set, found [][]pii.Span) error {
	offsets := passage.NewOffsets(c.text)
	for _, e := range entities {
		// The names are those of our types in capitals. One that Comprehend adds
		// later has no name in any policy.
		t, ok := pii.Parse(strings.ToLower(string(e.Type)))
		if !ok || !wanted.Has(t) {
			continue
		}
		if e.BeginOffset == nil || e.EndOffset == nil || e.Score == nil || *e.Score <= 0 || *e.Score > 1 {
			return errors.New("ask comprehend: a found value has no offsets or score")
		}
		// Code points from the text's start: Begin to before End.
		from, to, ok := offsets.Bytes(int(*e.BeginOffset), int(*e.EndOffset))
		if !ok {
			return errors.New("ask comprehend: a found value is outside of its text")
		}
		for text, span := range c.cut(from, to) {
			span.Type, span.Score = t, *e.Score
			found[text] = append(found[text], span)
		}
	}
	return nil
}

// bounded refuses to read answers without end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{resp.Body, maxAnswer}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errAnswerTooLong
	}
	return n, err
}

var errAnswerTooLong = errors.New("the answer is too long")

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	neturl "net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/comprehend"
	"github.com/bricks-gateway/bricks/internal/pii/guard"
	"github.com/bricks-gateway/bricks/internal/pii/presidio"
)

// amazonConfig and awsConfig together describe AWS Comprehend. It is there as
// soon as a key or AMAZON_REGION is given: the region alone is for machines and
// pods that have a role, whose credential the SDK finds.
type amazonConfig struct {
	Region            string        `env:"REGION"`
	TextLanguage      string        `env:"LANGUAGE"`
	RequestTimeout    time.Duration `env:"REQUEST_TIMEOUT"` // of all calls for one request's texts
	ConnectionTimeout time.Duration `env:"CONNECTION_TIMEOUT"`
}

// awsConfig holds variables of the SDK's own.
type awsConfig struct {
	AccessKeyID           string         `env:"ACCESS_KEY_ID"`
	SecretAccessKey       gateway.Secret `env:"SECRET_ACCESS_KEY"`
	SessionToken          gateway.Secret `env:"SESSION_TOKEN"`
	EndpointURL           string         `env:"ENDPOINT_URL"`
	EndpointURLComprehend string         `env:"ENDPOINT_URL_COMPREHEND"`
}

// presidioConfig describes a Presidio analyzer, which is there as soon as its
// URL is given.
type presidioConfig struct {
	URL            gateway.Secret `env:"URL"` // may hold a password
	Timeout        time.Duration  `env:"TIMEOUT"`
	ScoreThreshold float64        `env:"SCORE_THRESHOLD"`
	Language       string         `env:"LANGUAGE"`
}

// Bounds that both detectors have.
const (
	detectorBytes    = 4 << 20 // of the texts of one request
	detectorRunning  = 16      // requests
	detectorWaiting  = 64
	detectorFailures = 5 // in a row
	detectorPause    = 2 * time.Second
	detectorTime     = 50 * time.Second // at most: Envoy waits for a minute
)

func (c *config) hasComprehend() bool {
	return c.AWS.AccessKeyID != "" || !c.AWS.SecretAccessKey.Empty() || c.Amazon.Region != ""
}

func (c *config) comprehend() comprehend.Options {
	return comprehend.Options{
		Region:   cmp.Or(c.Amazon.Region, "us-west-2"),
		Language: c.Amazon.TextLanguage,
		Endpoint: cmp.Or(c.AWS.EndpointURLComprehend, c.AWS.EndpointURL),

		AccessKeyID:     c.AWS.AccessKeyID,
		SecretAccessKey: c.AWS.SecretAccessKey,
		SessionToken:    c.AWS.SessionToken,
		ConnectTimeout:  c.Amazon.ConnectionTimeout,
	}
}

func (c *config) validateComprehend() error {
	if !c.hasComprehend() {
		return nil
	}
	var faults []error
	if (c.AWS.AccessKeyID == "") != c.AWS.SecretAccessKey.Empty() {
		faults = append(faults, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be given together"))
	}
	if c.Amazon.RequestTimeout <= 0 || c.Amazon.RequestTimeout > detectorTime {
		faults = append(faults, fmt.Errorf("AMAZON_REQUEST_TIMEOUT must be above zero and at most %v", detectorTime))
	}
	if c.Amazon.ConnectionTimeout <= 0 {
		faults = append(faults, errors.New("AMAZON_CONNECTION_TIMEOUT must be above zero"))
	}
	if c.Amazon.TextLanguage != "en" && c.Amazon.TextLanguage != "es" {
		faults = append(faults, fmt.Errorf("AMAZON_LANGUAGE: %q is neither en nor es, which is all that Comprehend finds values in", c.Amazon.TextLanguage))
	}
	if endpoint := c.comprehend().Endpoint; endpoint != "" {
		if u, err := neturl.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			faults = append(faults, errors.New("AWS_ENDPOINT_URL_COMPREHEND, or AWS_ENDPOINT_URL, is no URL of http or https"))
		}
	}
	return errors.Join(faults...)
}

func (p *presidioConfig) options() presidio.Options {
	return presidio.Options{URL: p.URL, Language: p.Language, ScoreThreshold: p.ScoreThreshold}
}

func (p *presidioConfig) validate() error {
	if p.URL.Empty() {
		return nil
	}
	var faults []error
	if _, err := presidio.New(p.options()); err != nil {
		faults = append(faults, fmt.Errorf("PRESIDIO_URL %w", err))
	}
	if p.Timeout <= 0 || p.Timeout > detectorTime {
		faults = append(faults, fmt.Errorf("PRESIDIO_TIMEOUT must be above zero and at most %v", detectorTime))
	}
	if !(p.ScoreThreshold >= 0 && p.ScoreThreshold <= 1) { // NaN is no threshold either
		faults = append(faults, fmt.Errorf("PRESIDIO_SCORE_THRESHOLD: %v is not from 0 to 1", p.ScoreThreshold))
	}
	return errors.Join(faults...)
}

// makeDetectors makes the detectors over the network that are configured, by the
// names that policies have for them.
func (s *system) makeDetectors(ctx context.Context) (map[string]pii.Detector, error) {
	detectors, stop, err := s.config.makeDetectors(ctx, s.registry, s.logger)
	s.onStop(stop)
	return detectors, err
}

// makeDetectors makes them, each within bounds. None is contacted yet. stop closes
// those that were made, whatever the error is.
func (c *config) makeDetectors(ctx context.Context, r prometheus.Registerer, logger *slog.Logger) (detectors map[string]pii.Detector, stop func(), err error) {
	detectors = map[string]pii.Detector{}
	var closers []func()
	stop = func() {
		for _, end := range closers {
			end()
		}
	}
	metrics := guard.NewMetrics(r)
	add := func(name string, d pii.Detector, timeout time.Duration) {
		detectors[name] = guard.New(d, guard.Options{
			Name: name, Timeout: timeout, Bytes: detectorBytes, Running: detectorRunning, Waiting: detectorWaiting,
			Failures: detectorFailures, Pause: detectorPause, Metrics: metrics, Logger: logger,
		})
	}
	if c.hasComprehend() {
		d, err := comprehend.New(ctx, c.comprehend())
		if err != nil {
			return nil, stop, err
		}
		closers = append(closers, d.Close)
		add(gateway.DetectorComprehend, d, c.Amazon.RequestTimeout)
	}
	if !c.Presidio.URL.Empty() {
		d, err := presidio.New(c.Presidio.options())
		if err != nil {
			return nil, stop, fmt.Errorf("PRESIDIO_URL %w", err)
		}
		closers = append(closers, d.Close)
		add(gateway.DetectorPresidio, d, c.Presidio.Timeout)
	}
	return detectors, stop, nil
}

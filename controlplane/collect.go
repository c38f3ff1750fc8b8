package controlplane

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/store"
)

// Bounds of what is read of a provider.
const (
	maxJob     = 16 << 20  // of a job's state, or of one line of its results
	maxResults = 256 << 20 // of all results
	maxModels  = 100       // models and sizes of one batch

	stateTimeout   = 30 * time.Second
	resultsTimeout = 10 * time.Minute
)

var errMissing = errors.New("the provider knows no such job")

// badStatus is the status of an answer that says nothing of a job.
type badStatus int

func (b badStatus) Error() string { return fmt.Sprintf("The provider answers %d.", int(b)) }

// hopeless is why a job's cost stays unknown, as the metric's outcome says it.
type hopeless string

func (h hopeless) Error() string { return "the cost stays unknown: " + string(h) }

const (
	unknownJob  hopeless = "unknown_job"  // what the event names is none
	settingGone hopeless = "setting_gone" // nobody may ask any more
	jobMissing  hopeless = "missing"      // deleted at the provider
	jobTooOld   hopeless = "too_old"
	jobTooLarge hopeless = "too_large" // to be read
	costUntold  hopeless = "untold"    // it ended, and its usage is nowhere
)

// collect asks what became of e's job, and settles e when that has ended. s is
// nil when its setting is gone.
func (c *Collector) collect(ctx context.Context, e *gateway.Event, s *gateway.ProviderSetting, book *pricing.Book) {
	charges, done, err := c.ask(ctx, e, s, book)
	var why hopeless
	switch {
	case ctx.Err() != nil:
		return
	case errors.As(err, &why):
	case done && err == nil:
		c.charge(ctx, e, charges)
		return
	default:
		missed := c.again(e, errors.Is(err, errMissing))
		if why = jobMissing; missed >= maxMissing {
			break
		}
		if why = jobTooOld; c.o.Now().Sub(e.CreatedAt) > oldestJob {
			break
		}
		if err != nil {
			c.o.Logger.Debug("job not asked for", slog.String("event_id", e.ID), slog.String("problem", problem(err)))
		}
		return
	}
	c.giveUp(ctx, e, why)
}

// charge settles e with what it has cost: nothing, when there are no charges.
func (c *Collector) charge(ctx context.Context, e *gateway.Event, charges []*gateway.Event) {
	made, settled, err := c.o.Store.ChargeEvent(ctx, store.Charge{EventID: e.ID, Status: gateway.Free, Events: charges})
	if err != nil {
		c.o.Logger.Error("job not charged, trying again", slog.String("event_id", e.ID), slog.Any("error", err))
		c.again(e, false)
		return
	}
	if !settled {
		return // by another collector
	}
	outcome := "charged"
	if len(charges) == 0 {
		outcome = "free"
	}
	for _, charge := range charges {
		if charge.PriceStatus == gateway.Unpriced {
			outcome = "unpriced"
		}
	}
	c.metrics.jobs.WithLabelValues(e.Provider, outcome).Inc()
	for _, charge := range made {
		c.metrics.charged.WithLabelValues(charge.Provider).Add(float64(max(charge.Cost, 0)) / float64(gateway.USD))
	}
	if len(made) == 0 || c.o.Charged == nil {
		return
	}
	// Committed: whoever counts must learn of it.
	if err := c.o.Charged(context.WithoutCancel(ctx), made); err != nil {
		c.o.Logger.Error("limits were not told of charges", slog.String("event_id", e.ID), slog.Int("charges", len(made)), slog.Any("error", err))
	}
}

func (c *Collector) giveUp(ctx context.Context, e *gateway.Event, why hopeless) {
	_, settled, err := c.o.Store.ChargeEvent(ctx, store.Charge{EventID: e.ID, Status: gateway.Unpriced})
	if err != nil {
		c.o.Logger.Error("job not given up, trying again", slog.String("event_id", e.ID), slog.Any("error", err))
		return
	}
	if settled {
		c.metrics.jobs.WithLabelValues(e.Provider, string(why)).Inc()
		c.o.Logger.Warn("the cost of a job stays unknown, its event is unpriced", slog.String("event_id", e.ID), slog.String("provider", e.Provider),
			slog.String("setting_id", e.SettingID), slog.String("reason", string(why)))
	}
}

// ask returns the events that charge e's job once it is done. An error is
// hopeless, or worth another try.
func (c *Collector) ask(ctx context.Context, e *gateway.Event, s *gateway.ProviderSetting, book *pricing.Book) (charges []*gateway.Event, done bool, err error) {
	job, known := provider.FindJob(e.Provider, e.Job)
	switch {
	case s == nil:
		return nil, false, settingGone
	case !known || s.Provider != e.Provider:
		return nil, false, unknownJob
	}
	ctx, cancel := context.WithTimeout(ctx, resultsTimeout)
	defer cancel()
	state, err := c.state(ctx, s, &job)
	if err != nil || !state.Done {
		return nil, false, err
	}
	if state.Free {
		return nil, true, nil
	}
	b := &bill{event: e, job: &job, params: s.Params, book: book, at: c.o.Now().UTC(), sums: map[share]*sum{}}
	if b.origin, err = provider.OriginOf(s); err != nil {
		return nil, false, errNowhere
	}
	switch {
	case state.Reading.HasCost && !(state.Results != "" && b.wantsResults(&state)):
		b.addAll(&state)
	case state.Results != "":
		err := c.results(ctx, s, &job, state.Results, b)
		if errors.Is(err, errMissing) && state.Reading.HasCost {
			// Deleted by the client, maybe: that makes nothing free.
			b.addAll(&state)
			b.silent++
		} else if err != nil {
			return nil, false, err
		}
	default:
		b.silent++
	}
	if len(b.sums) == 0 && b.silent > 0 {
		return nil, false, costUntold
	}
	return b.charges(), true, nil
}

// state asks for the job's state.
func (c *Collector) state(ctx context.Context, s *gateway.ProviderSetting, job *provider.Job) (provider.JobState, error) {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	body, err := c.open(ctx, s, job, job.Target)
	if err != nil {
		return provider.JobState{}, err
	}
	defer body.Close() //nolint:errcheck // read only
	object, err := io.ReadAll(io.LimitReader(body, maxJob+1))
	if len(object) > maxJob {
		return provider.JobState{}, jobTooLarge
	}
	if err != nil {
		return provider.JobState{}, err
	}
	return job.Read(object), nil
}

// results adds the requests of a batch to b, line by line.
func (c *Collector) results(ctx context.Context, s *gateway.ProviderSetting, job *provider.Job, target string, b *bill) error {
	body, err := c.open(ctx, s, job, target)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // read only
	rest := &io.LimitedReader{R: body, N: c.maxResults + 1}
	lines := bufio.NewScanner(rest)
	lines.Buffer(make([]byte, 0, 64<<10), maxJob)
	for lines.Scan() {
		if r, billed := job.ReadResult(lines.Bytes()); billed {
			b.add(&r)
		}
		if len(b.sums) > maxModels {
			return jobTooLarge
		}
	}
	if rest.N == 0 || errors.Is(lines.Err(), bufio.ErrTooLong) {
		return jobTooLarge
	}
	return lines.Err()
}

// open asks for target, which is about the job.
func (c *Collector) open(ctx context.Context, s *gateway.ProviderSetting, job *provider.Job, target string) (io.ReadCloser, error) {
	resp, err := c.hosts.get(ctx, s, target, job.Headers(s))
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.Body, nil
	case http.StatusNotFound, http.StatusGone:
		err = errMissing
	default:
		err = badStatus(resp.StatusCode)
	}
	_ = resp.Body.Close()
	return nil, err
}

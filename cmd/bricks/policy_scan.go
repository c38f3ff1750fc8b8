package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/cli"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
)

// policyCommand holds what can be done with policies.
type policyCommand struct {
	cli.Policies
	Scan scanFlags       `cmd:"" help:"Read JSON lines {\"id\",\"text\"} on standard input, and write what the detectors find in each text. Needs no gateway, no network and no data."`
	Test policyTestFlags `cmd:"" help:"Apply a policy to a text, and say what becomes of it."`
}

// scanFlags are those of bricks policy scan.
type scanFlags struct {
	Offsets   string   `enum:"codepoint,byte" default:"codepoint" help:"What start and end count: Unicode code points, or bytes of UTF-8 (${default})."`
	Types     []string `placeholder:"TYPE" help:"Report these types only, separated by commas (all)."`
	Detectors []string `default:"embedded" placeholder:"NAME" help:"Ask these detectors, separated by commas: embedded, and comprehend or presidio where their variables are set (${default})."`
}

// detector appends what it finds in a text of valid UTF-8, in order.
type detector func(ctx context.Context, dst []pii.Span, text string, types pii.Set) ([]pii.Span, error)

// overNetwork reports whether another detector than the embedded one is asked.
func (f scanFlags) overNetwork() bool {
	return slices.ContainsFunc(f.Detectors, func(name string) bool { return name != gateway.DetectorEmbedded })
}

// detectors are those that --detectors names.
func (f scanFlags) detectors(services map[string]pii.Detector) ([]detector, error) {
	var all []detector
	for _, name := range f.Detectors {
		if name == gateway.DetectorEmbedded {
			all = append(all, func(_ context.Context, dst []pii.Span, text string, types pii.Set) ([]pii.Span, error) {
				return scan.Append(dst, text, types), nil
			})
			continue
		}
		service := services[name]
		if service == nil {
			return nil, fmt.Errorf("--detectors: there is no detector %q, or its variables are not set (docs/detectors.md)", name)
		}
		all = append(all, func(ctx context.Context, dst []pii.Span, text string, types pii.Set) ([]pii.Span, error) {
			spans, err := service.Detect(ctx, []string{text}, types)
			if err != nil {
				return dst, fmt.Errorf("%s: %w", name, err)
			}
			return append(dst, spans[0]...), nil
		})
	}
	return all, nil
}

func (f scanFlags) types() (pii.Set, error) {
	if len(f.Types) == 0 {
		return pii.All, nil
	}
	var set pii.Set
	for _, name := range f.Types {
		t, ok := pii.Parse(strings.TrimSpace(name))
		if !ok {
			return 0, fmt.Errorf("--types: there is no type %q", name)
		}
		set |= pii.Of(t)
	}
	return set, nil
}

// scanned is one line of output.
type scanned struct {
	ID    jsontext.Value `json:"id"`
	Spans []scannedSpan  `json:"spans"`
}

type scannedSpan struct {
	Start int     `json:"start"`
	End   int     `json:"end"`
	Type  string  `json:"type"`
	Score float32 `json:"score"`
}

// runPolicyScan answers line by line, so that it takes the memory of the longest
// line, however many there are. The first line that is none ends it.
func runPolicyScan(ctx context.Context, c config, logger *slog.Logger, stdin io.Reader, stdout io.Writer) error {
	f := c.PolicyScan
	types, err := f.types()
	if err != nil {
		return err
	}
	services, stop, err := c.makeDetectors(ctx, prometheus.NewRegistry(), logger)
	defer stop()
	if err != nil {
		return err
	}
	detectors, err := f.detectors(services)
	if err != nil {
		return err
	}
	in, out := bufio.NewReaderSize(stdin, 64<<10), bufio.NewWriterSize(stdout, 64<<10)
	var (
		line  []byte
		spans []pii.Span
	)
	for n := 1; ctx.Err() == nil; n++ {
		line, err = appendLine(line[:0], in)
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(fmt.Errorf("read line %d: %w", n, err), out.Flush())
		}
		if len(strings.TrimSpace(string(line[:min(len(line), 8)]))) > 0 {
			if spans, err = scanLine(ctx, spans[:0], line, f.Offsets == "byte", types, detectors, out); err != nil {
				return errors.Join(fmt.Errorf("line %d: %w", n, err), out.Flush())
			}
			continue
		}
		if err != nil {
			break
		}
	}
	return errors.Join(ctx.Err(), out.Flush())
}

// appendLine appends the next line of any length, without its line feed. At the
// end of input it is empty, with io.EOF.
func appendLine(dst []byte, in *bufio.Reader) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		dst = append(dst, part...)
		switch {
		case err == nil:
			return dst[:len(dst)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(dst) > 0:
			return dst, nil
		default:
			return dst, err
		}
	}
}

func scanLine(ctx context.Context, spans []pii.Span, line []byte, bytes bool, types pii.Set, detectors []detector, out io.Writer) ([]pii.Span, error) {
	var given struct {
		ID   jsontext.Value `json:"id"`
		Text *string        `json:"text"`
	}
	if err := json.Unmarshal(line, &given, jsontext.AllowInvalidUTF8(true)); err != nil {
		return spans, err
	}
	if given.ID == nil || given.Text == nil {
		return spans, errors.New(`want an object with "id" and "text"`)
	}
	for _, d := range detectors {
		var err error
		if spans, err = d(ctx, spans, *given.Text, types); err != nil {
			return spans, err
		}
	}
	slices.SortStableFunc(spans, func(a, b pii.Span) int { return a.Start - b.Start })
	answer := scanned{ID: given.ID, Spans: make([]scannedSpan, 0, len(spans))}
	at, points := 0, 0 // text[:at] has so many code points
	for _, s := range spans {
		start, end := s.Start, s.End
		if !bytes {
			points += utf8.RuneCountInString((*given.Text)[at:s.Start])
			at = s.Start
			start = points
			end = points + utf8.RuneCountInString((*given.Text)[s.Start:s.End])
		}
		answer.Spans = append(answer.Spans, scannedSpan{start, end, s.Type.String(), s.Score})
	}
	if err := json.MarshalWrite(out, answer); err != nil {
		return spans, err
	}
	_, err := io.WriteString(out, "\n")
	return spans, err
}

package provider

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// Started is what an answer says of the work that goes on after it.
type Started struct {
	ID       string // of the work
	ThreadID string // that a run belongs to
}

// ReadStarted reads the answer to a call that starts such work. Of an answer that
// was cut off it reads what is there.
func ReadStarted(answer []byte) (s Started) {
	_ = jsonscan.Object(answer, func(m jsonscan.Member) bool {
		switch m.Name {
		case "id":
			s.ID, _ = m.String()
		case "thread_id":
			s.ThreadID, _ = m.String()
		}
		return true
	})
	return s
}

// ReadStartedEvent is ReadStarted for an event of a stream; most say nothing.
func ReadStartedEvent(data []byte) Started {
	if x, ok := jsonscan.Get(data, "response"); ok && x.IsObject() {
		return ReadStarted(x.Value)
	}
	if text(data, "object") == "thread.run" {
		return ReadStarted(data)
	}
	return Started{}
}

// JobTarget is where the provider tells the state of what the call m has
// started: a path below the setting's origin and prefix, with the query that it
// needs. query is that of the call. ok is false when it cannot be known, or when
// an id would not be safe in a path: the path is called with a credential.
func (m Match) JobTarget(s Started, query string) (target string, ok bool) {
	path := m.Path + "/" + s.ID
	ok = safeID(s.ID)
	switch m.Endpoint.Operation {
	case "responses", "create_batch", "create_run":
	case "create_thread_and_run":
		path = strings.TrimSuffix(m.Path, "/runs") + "/" + s.ThreadID + "/runs/" + s.ID
		ok = ok && safeID(s.ThreadID)
	case "submit_tool_outputs":
		path, ok = strings.CutSuffix(m.Path, "/submit_tool_outputs")
	default:
		return "", false
	}
	if m.Provider == &azure {
		version := ""
		for pair := range strings.SplitSeq(query, "&") {
			if name, value, _ := strings.Cut(pair, "="); name == VersionParameter && safeID(value) {
				version = "?" + pair
			}
		}
		path += version
		ok = ok && (version != "" || !m.Dated())
	}
	if _, known := FindJob(m.Provider.Name, path); !ok || !known {
		return "", false
	}
	return path, true
}

// Discards reports whether the call m makes its provider forget work that may
// not have been charged yet.
func (m Match) Discards() bool {
	return slices.Contains([]string{"delete_response", "delete_thread", "delete_batch"}, m.Endpoint.Operation)
}

// VersionParameter of a query names the version of Azure's API.
const VersionParameter = "api-version"

// safeID reports whether an id that a provider chose may be one segment of a
// path.
func safeID(id string) bool {
	if id == "" || len(id) > 128 || id[0] == '.' {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// Job is work of a provider that is billed once it has ended.
type Job struct {
	// Target is the path and query that tell its state.
	Target string
	// Batch: many requests, at the price of batches.
	Batch bool

	provider *Provider
	kind     string // operation of the row that tells its state
	path     string // of Target
	query    string // of Target, with the question mark
}

// FindJob finds the job of a target that JobTarget made. ok is false for
// anything else.
func FindJob(provider, target string) (j Job, ok bool) {
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		return Job{}, false // it would run into the host's name
	}
	m, _ := Find(http.MethodGet, PathPrefix+provider+path)
	if m.Endpoint == nil {
		return Job{}, false
	}
	j = Job{Target: target, provider: m.Provider, kind: m.Endpoint.Operation, path: path, query: target[len(path):]}
	switch j.kind {
	case "get_batch":
		j.Batch = true
	case "get_response", "get_run":
	default:
		return Job{}, false
	}
	return j, true
}

// Headers are those of calls about the job, with s's credential.
func (j *Job) Headers(s *gateway.ProviderSetting) []Header {
	headers := j.provider.Credential(Credential{APIKey: s.APIKey, Params: s.Params})
	if j.kind == "get_run" { // OpenAI's threads are there for those who name their version only
		headers = append(headers, Header{"openai-beta", gateway.NewSecret("assistants=v2")})
	}
	return headers
}

// JobState is what a provider says of a job.
type JobState struct {
	Done bool
	// Reading is the usage of all of it; without HasCost it was not told.
	Reading Reading
	// Requests are those of a batch that were answered; 0: not told.
	Requests int64
	// Results is where a batch's answers are, a JSON object a line; empty: there
	// are none.
	Results string
	// Free: it has ended without anything that is billed.
	Free bool
}

// Read reads the object that Target tells.
func (j *Job) Read(body []byte) (s JobState) {
	if j.provider == &anthropic {
		s.Done = text(body, "processing_status") == "ended"
		s.Results = j.path + "/results"
		return s
	}
	status := text(body, "status")
	switch status {
	case "completed", "failed", "cancelled", "incomplete", "expired":
		s.Done = true
	default:
		return s
	}
	s.Reading = MeterResponses.ReadJSON(body)
	if j.kind == "get_response" && keptLonger(body) {
		u := &s.Reading.Usage
		u.CacheWrite1hTokens, u.CacheWrite5mTokens = u.CacheWrite1hTokens+u.CacheWrite5mTokens, 0
	}
	if !j.Batch {
		s.Free = !s.Reading.HasCost && status != "completed" && status != "incomplete"
		return s
	}
	// Until it is counted, the sum stands at zero.
	u := &s.Reading.Usage
	s.Reading.HasCost = s.Reading.HasCost && !s.Reading.Invalid && u.InputTokens+u.OutputTokens > 0
	if counts, ok := jsonscan.Get(body, "request_counts"); ok && counts.IsObject() {
		completed, _ := jsonscan.Get(counts.Value, "completed")
		s.Requests, _ = completed.Int(maxTokens)
	}
	if file := text(body, "output_file_id"); safeID(file) {
		s.Results = j.path[:strings.LastIndex(j.path, "/batches/")] + "/files/" + file + "/content" + j.query
	}
	s.Free = text(body, "endpoint") == "/v1/moderations" || !s.Reading.HasCost && s.Results == "" && s.Requests == 0
	return s
}

// keptLonger is what a request's prompt_cache_retention means, which the
// response repeats.
func keptLonger(response []byte) bool {
	kept := text(response, "prompt_cache_retention")
	return kept != "" && kept != "in_memory" && kept != "in-memory"
}

// ReadResult reads a line of a batch's results. billed says that the request was
// answered, and is billed.
func (j *Job) ReadResult(line []byte) (r Reading, billed bool) {
	if j.provider == &anthropic {
		result, _ := jsonscan.Get(line, "result")
		if !result.IsObject() || text(result.Value, "type") != "succeeded" {
			return r, false
		}
		message, _ := jsonscan.Get(result.Value, "message")
		return MeterAnthropic.ReadJSON(message.Value), true
	}
	response, _ := jsonscan.Get(line, "response")
	if !response.IsObject() {
		return r, false
	}
	status, _ := jsonscan.Get(response.Value, "status_code")
	if code, ok := status.Int(999); ok && code >= 400 {
		return r, false
	}
	body, _ := jsonscan.Get(response.Value, "body")
	return MeterResponses.ReadJSON(body.Value), true
}

// text is a member that is a string, "" when it is none.
func text(object []byte, name string) string {
	m, _ := jsonscan.Get(object, name)
	s, _ := m.String()
	return s
}

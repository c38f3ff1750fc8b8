package fakeprovider

import "net/http"

// job is work that goes on after the answer to its request. Each look at it, by
// a GET of its path, brings it nearer to its end.
type job struct {
	working, done any
	looks         int // until it is done
	results       []byte
}

// keep remembers a job by the path that tells its state.
func (x *exchange) keep(path string, j job) {
	j.looks = x.fault.looks
	x.p.mu.Lock()
	defer x.p.mu.Unlock()
	x.p.jobs[path] = &j
}

// serial numbers what the fake makes.
func (p *Provider) serial() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made++
	return p.made
}

// look is the state of the job at path, after one more look. ok is false when
// there is none.
func (p *Provider) look(path string) (state any, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := p.jobs[path]
	if j == nil {
		return nil, false
	}
	if j.looks > 0 {
		j.looks--
		return j.working, true
	}
	return j.done, true
}

// Finish ends all jobs, whatever looks at them were asked for.
func (p *Provider) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.jobs {
		j.looks = 0
	}
}

// looked answers with the state of a job; what was never begun is a thing like
// any other.
func looked(kind string) handler {
	return func(x *exchange) error {
		if len(x.body) > 0 {
			return violation("%s %s with a body of %d bytes", x.r.Method, x.path, len(x.body))
		}
		if ok, err := x.ready(); !ok {
			return err
		}
		state, ok := x.p.look(x.path)
		if !ok {
			state = thing(x.lastID(), kind)
		} else if kind == "thread.run" && x.r.Header.Get("Openai-Beta") != "assistants=v2" {
			return badRequest("", "You must provide the 'OpenAI-Beta' header to access the Assistants API.")
		}
		x.sendJSON(http.StatusOK, state)
		return nil
	}
}

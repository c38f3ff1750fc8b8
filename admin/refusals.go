package admin

import (
	"net/http"
	"sync"
	"time"
)

// maxRefusalsLogged is how many refused requests are logged in a second: guessing
// keys must not fill the log's disk.
const maxRefusalsLogged = 20

// refusals counts what was refused in the running second. It is safe for
// concurrent use; the zero value is ready.
type refusals struct {
	mu     sync.Mutex
	second int64
	count  int
}

// add counts one, and says whether it is to be logged. left is how many were not
// in the last second that had any.
func (f *refusals) add(now time.Time) (log bool, left int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if second := now.Unix(); second != f.second {
		left = max(0, f.count-maxRefusalsLogged)
		f.second, f.count = second, 0
	}
	f.count++
	return f.count <= maxRefusalsLogged, left
}

// logRefusal says who was refused what. It never holds what was presented.
func (a *api) logRefusal(r *http.Request, p *problem) {
	log, left := a.refusals.add(a.Now())
	if left > 0 {
		a.Logger.Warn("more admin requests were refused than are logged", "count", left)
	}
	if !log {
		return
	}
	who, _ := r.Context().Value(principalKey{}).(principal)
	a.Logger.WarnContext(r.Context(), "admin request refused", "method", r.Method, "path", r.URL.Path, "status", p.Status, "author", who.id,
		"address", clientAddress(r), "reason", p.Detail)
}

package configserver

import (
	"log/slog"
	"slices"
	"time"
)

// maxLostKeys bounds what is remembered of streams that were lost: the keys that
// they followed, over all of them.
const maxLostKeys = 1_000_000

func (s *Server) begin(x *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[x] = struct{}{}
}

// end takes x off the streams. Unless its processor said goodbye, it may go on
// serving what it knew: x stays, to name it when that changes.
func (s *Server) end(x *stream, goodbye bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, x)
	if goodbye || x.size() == 0 {
		x.finish(over)
		return
	}
	x.lostAt = time.Now()
	x.finish(lost)
	s.lost = append(s.lost, x)
	s.logger.Warn("processor lost, it may serve what it knew", slog.String("node", x.node), slog.Duration("for_at_most", s.StaleAfter))
	s.forget()
}

// replace ends the account of x's node's lost streams: the processor has
// everything anew.
func (s *Server) replace(x *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = slices.DeleteFunc(s.lost, func(old *stream) bool {
		if old == x || old.node != x.node {
			return false
		}
		old.finish(over)
		return true
	})
}

// forget drops the lost streams whose processors serve nobody any more, and the
// oldest when there is too much to remember. It needs s.mu.
func (s *Server) forget() {
	keys := 0
	for _, x := range s.lost {
		keys += x.size()
	}
	s.lost = slices.DeleteFunc(s.lost, func(x *stream) bool {
		if time.Since(x.lostAt) > s.StaleAfter {
			keys -= x.size()
			return true
		}
		if keys <= maxLostKeys {
			return false
		}
		keys -= x.size()
		s.logger.Error("too many lost processors to remember, one is named no more", slog.String("node", x.node))
		return true
	})
}

// Current names the nodes that are connected and have all that they asked for.
func (s *Server) Current() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for x := range s.streams {
		if x.isCurrent() {
			all = append(all, x.node)
		}
	}
	return all
}

func (x *stream) isCurrent() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.current
}

// size is how many keys the processor was told of, or asked for.
func (x *stream) size() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.followed)
}

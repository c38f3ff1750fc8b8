package admin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// eventMark is what a cursor holds: a place, and the orders that it is a place
// in. Clients see it in base64 and need not know.
type eventMark struct {
	CostOrder string `json:"c,omitempty"`
	DateOrder string `json:"d,omitempty"`
	Cost      int64  `json:"n"`
	Micros    int64  `json:"t"`
	ID        string `json:"i"`
}

// eventCursor is the place behind e in the filter's order.
func eventCursor(e *gateway.Event, f store.EventFilter) string {
	text, err := json.Marshal(eventMark{f.CostOrder, f.DateOrder, int64(e.Cost), e.CreatedAt.UnixMicro(), e.ID})
	if err != nil { // texts and numbers: cannot happen
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// readEventCursor reads what eventCursor made. A cursor of another order would
// repeat and miss events without a word.
func readEventCursor(cursor string, f store.EventFilter) (*store.EventPlace, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	var mark eventMark
	if err == nil {
		err = json.Unmarshal(text, &mark)
	}
	if err != nil || mark.ID == "" {
		return nil, errors.New("is not a nextCursor of an answer")
	}
	if mark.CostOrder != f.CostOrder || mark.DateOrder != f.DateOrder {
		return nil, errors.New("belongs to another costOrder or dateOrder")
	}
	return &store.EventPlace{Cost: gateway.NanoUSD(mark.Cost), CreatedAt: time.UnixMicro(mark.Micros).UTC(), ID: mark.ID}, nil
}

package event

import (
	"github.com/bricks-gateway/bricks/internal/gateway"
	eventv1 "github.com/bricks-gateway/bricks/proto/event/v1"
)

// ToProto is how an event stands in the spool and travels.
func ToProto(e *gateway.Event) *eventv1.Event { return toProto(e) }

// FromProto reads what ToProto wrote.
func FromProto(p *eventv1.Event) *gateway.Event { return fromProto(p) }

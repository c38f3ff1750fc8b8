package processor

import "google.golang.org/protobuf/types/known/structpb"

// Where Envoy looks for what it can say by itself: in an answer that passes the
// processor by, and in its access log.
const (
	requestNamespace = "bricks.request"
	attemptNamespace = "bricks.attempt"
)

// leave is what a message leaves behind in Envoy for the rest of a request.
func leave(namespace string, fields map[string]*structpb.Value) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		namespace: structpb.NewStructValue(&structpb.Struct{Fields: fields}),
	}}
}

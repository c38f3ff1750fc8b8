package controlplane

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc"

	controlv1 "github.com/bricks-gateway/bricks/proto/control/v1"
)

// RegisterControl adds the service by which an admin API that runs apart puts
// changes in force.
func (c *ControlPlane) RegisterControl(g *grpc.Server) {
	controlv1.RegisterControlServer(g, control{plane: c})
}

type control struct {
	controlv1.UnimplementedControlServer
	plane *ControlPlane
}

func (c control) Apply(ctx context.Context, r *controlv1.ApplyRequest) (*controlv1.ApplyResponse, error) {
	return &controlv1.ApplyResponse{
		Unacknowledged: c.plane.Apply(ctx, r.Revision),
		Current:        c.plane.config.Current(),
	}, nil
}

func (c control) XDSStatus(context.Context, *controlv1.XDSStatusRequest) (*controlv1.XDSStatusResponse, error) {
	b, err := json.Marshal(c.plane.XDSStatus())
	if err != nil {
		return nil, fmt.Errorf("encode xDS status: %w", err)
	}
	return &controlv1.XDSStatusResponse{Status: b}, nil
}

package gateway

import "time"

// AdminRole is what a caller of the admin API may do.
type AdminRole string

// A viewer reads; an admin also writes, and sees key secrets where the key
// allows it.
const (
	RoleAdmin  AdminRole = "admin"
	RoleViewer AdminRole = "viewer"
)

// Valid reports whether r is one of the roles.
func (r AdminRole) Valid() bool { return r == RoleAdmin || r == RoleViewer }

// AdminKey is a credential of the admin API that was made there. Its secret is
// not here: the store knows it by a keyed hash only.
type AdminKey struct {
	ID        string
	Name      string
	Role      AdminRole
	Tags      []string // when there are any, the holder sees only what carries all of them
	CreatedAt time.Time
	Revision  int64
}

package store

import (
	"fmt"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// keyColumns are the columns that a change of a key writes, in the order of
// keyRow and keyTargets.
var keyColumns = []string{
	"name", "name_folded", "tags", "updated_at", "revoked", "revoked_reason", "ttl", "expires_at",
	"cost_limit", "cost_limit_over_time", "cost_limit_unit", "rate_limit_over_time", "rate_limit_unit",
	"allowed_paths", "allowed_models", "policy_id", "should_log_request", "should_log_response", "rotation_enabled",
	"is_key_not_hashed", "require_user", "allow_unbounded", "max_parallel_requests", "revision",
}

func keyRow(k *gateway.Key) []any {
	paths := "[]"
	if len(k.AllowedPaths) > 0 {
		paths = asJSON(k.AllowedPaths)
	}
	return []any{
		text(k.Name), fold(k.Name), list(k.Tags), k.UpdatedAt.Unix(), k.Revoked, text(k.RevokedReason), text(k.TTL), toSeconds(k.ExpiresAt),
		int64(k.CostLimit), int64(k.CostLimitOverTime), string(k.CostLimitUnit), k.RateLimitOverTime, string(k.RateLimitUnit),
		text(paths), list(k.AllowedModels), text(k.PolicyID), k.ShouldLogRequest, k.ShouldLogResponse, k.RotationEnabled,
		k.IsKeyNotHashed, k.RequireUser, k.AllowUnbounded, int64(k.MaxParallelRequests), k.Revision,
	}
}

// keySelection is what to select from keys for keyTargets.
func (s *Store) keySelection() string {
	return "id, created_at, " + strings.Join(keyColumns, ", ") +
		", (SELECT CAST(COALESCE(" + s.dialect.jsonArray + "(setting_id ORDER BY position), '[]') AS TEXT) FROM key_settings WHERE key_id = keys.id)"
}

// keyTargets are where to scan keySelection to.
func keyTargets(k *gateway.Key) []any {
	return []any{
		&k.ID, secondsColumn{&k.CreatedAt}, &k.Name, ignored{}, jsonColumn{&k.Tags}, secondsColumn{&k.UpdatedAt}, &k.Revoked, &k.RevokedReason, &k.TTL, secondsColumn{&k.ExpiresAt},
		&k.CostLimit, &k.CostLimitOverTime, &k.CostLimitUnit, &k.RateLimitOverTime, &k.RateLimitUnit,
		jsonColumn{&k.AllowedPaths}, jsonColumn{&k.AllowedModels}, &k.PolicyID, &k.ShouldLogRequest, &k.ShouldLogResponse, &k.RotationEnabled,
		&k.IsKeyNotHashed, &k.RequireUser, &k.AllowUnbounded, &k.MaxParallelRequests, &k.Revision,
		jsonColumn{&k.SettingIDs},
	}
}

// fold is how names are kept for a search in any case. The databases' own
// functions differ on letters outside of ASCII.
func fold(name string) string { return strings.ToLower(text(name)) }

// secondsColumn scans Unix seconds; 0 gives the zero time.
type secondsColumn struct{ into *time.Time }

// Scan implements sql.Scanner.
func (c secondsColumn) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("time column is a %T", src)
	}
	*c.into = fromSeconds(n)
	return nil
}

// ignored scans a column that only the database uses.
type ignored struct{}

// Scan implements sql.Scanner.
func (ignored) Scan(any) error { return nil }

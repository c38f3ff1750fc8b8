package oidc

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// claim finds a claim by its name, or by the names of objects around it with
// dots between (realm_access.roles). nil: there is none.
func claim(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		if v == nil {
			return struct{}{} // it is there and says nothing, which is not the same as its absence
		}
		return v
	}
	first, rest, nested := strings.Cut(name, ".")
	inner, ok := claims[first].(map[string]any)
	if !nested || !ok {
		return nil
	}
	return claim(inner, rest)
}

// roleOf reads a role, or a list in which one of ours is among others.
func roleOf(value any) (gateway.AdminRole, error) {
	switch v := value.(type) {
	case string:
		if r := gateway.AdminRole(v); r.Valid() {
			return r, nil
		}
	case []any:
		for _, r := range []gateway.AdminRole{gateway.RoleAdmin, gateway.RoleViewer} {
			if slices.Contains(v, any(string(r))) {
				return r, nil
			}
		}
	}
	return "", errors.New("no role")
}

// tagsOf reads a scope. A claim that is there but limits to nothing is an
// error: it must not become a holder without limits.
func tagsOf(value any) (tags []string, err error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		tags = strings.Fields(v)
	case []any:
		for _, one := range v {
			tag, ok := one.(string)
			if !ok || tag == "" {
				return nil, errors.New("not a tag")
			}
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 {
		return nil, errors.New("no tags")
	}
	return tags, nil
}

// displayName is what people know the holder by. It identifies nobody: the
// provider may let people choose it.
func displayName(claims map[string]any) string {
	const longest = 256
	for _, name := range []string{"email", "preferred_username", "name"} {
		text, _ := claims[name].(string)
		text = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, text)
		if text != "" {
			return strings.ToValidUTF8(text[:min(len(text), longest)], "")
		}
	}
	return ""
}

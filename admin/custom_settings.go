package admin

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// maxCredential bounds a credential, in bytes.
const maxCredential = 4096

// UnmarshalJSON implements json.Unmarshaler. It also keeps every member as it
// was given: a custom provider names the one that holds its credential.
func (v *settingValues) UnmarshalJSON(raw []byte) error {
	type fields settingValues
	if err := json.Unmarshal(raw, (*fields)(v)); err != nil {
		return err
	}
	return json.Unmarshal(raw, &v.given)
}

// isAPIKey reports whether name is one of the two names of the credential of
// every other setting.
func isAPIKey(name string) bool { return name == "apiKey" || name == "apikey" }

// isSettingMember reports whether a member of `setting` has a meaning of its
// own, other than the credential's.
func isSettingMember(name string) bool {
	if isAPIKey(name) {
		return false
	}
	t := reflect.TypeFor[settingValues]()
	for i := range t.NumField() {
		if member, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); member == name {
			return name != ""
		}
	}
	return false
}

// unknown are the faults of the members that only a custom provider could have.
func (v settingValues) unknown() (faults []fault) {
	for _, name := range slices.Sorted(maps.Keys(v.given)) {
		if !isSettingMember(name) && !isAPIKey(name) {
			faults = append(faults, fault{Pointer: "/setting/" + escapePointer(name), Detail: "unknown field"})
		}
	}
	return faults
}

// customFor is the custom provider of this name; nil: there is none.
func (a *api) customFor(ctx context.Context, name string) (*gateway.CustomProvider, error) {
	if slices.Contains(a.Providers, name) || name == "" {
		return nil, nil
	}
	list, err := a.Store.CustomProviders(ctx, store.CustomProviderFilter{Provider: name})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// mergeCustom changes a setting of custom provider p: it holds the credential
// in the member that p names, and nothing else.
func (v settingValues) mergeCustom(p *gateway.CustomProvider, s *gateway.ProviderSetting) (faults []fault) {
	param := p.AuthenticationParam
	fail := func(name, detail string) {
		faults = append(faults, fault{Pointer: "/setting/" + escapePointer(name), Detail: detail})
	}
	for _, name := range slices.Sorted(maps.Keys(v.given)) {
		value, isText := v.given[name].(string)
		cleared := v.given[name] == nil || isText && value == ""
		credential := name == param || isAPIKey(name) && isAPIKey(param)
		switch {
		case credential && cleared:
			s.APIKey = gateway.Secret{}
		case cleared:
		case !credential && param == "":
			fail(name, "is not used: custom provider "+p.Provider+" has no authentication_param")
		case !credential:
			fail(name, "is not used: custom provider "+p.Provider+" takes its credential from "+param)
		case !isText || len(value) > maxCredential || !visibleASCII(value):
			fail(name, "must be printable ASCII without blanks, at most 4096 bytes, because it is sent in a header or a query")
			return faults
		default:
			s.APIKey = gateway.NewSecret(value)
		}
	}
	if param != "" && s.APIKey.Empty() {
		fail(param, "is required: custom provider "+p.Provider+" takes its credential from here")
	}
	return faults
}

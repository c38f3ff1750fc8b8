package provider

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Origin is where a setting's requests go.
type Origin struct {
	Scheme string // "https" or "http"
	Host   string // lower case, without brackets
	Port   int
	Prefix string // path before the endpoint's own, without a trailing slash
	// Given says that the host came from the setting, so it is not trusted to
	// be a public one.
	Given bool
}

// OriginOf returns where s's requests go: its url, else its Azure resource, else
// the provider's own.
func OriginOf(s *gateway.ProviderSetting) (Origin, error) {
	raw := s.Params[ParamURL]
	if resource := s.Params[ParamResourceName]; raw == "" && s.Provider == azure.Name && resource != "" {
		if !resourceName(resource) {
			return Origin{}, errors.New("resourceName is not the name of a resource")
		}
		raw = azureOrigin(resource)
	}
	if raw != "" {
		o, err := ParseOrigin(raw)
		o.Given = true
		return o, err
	}
	p, ok := Get(s.Provider)
	if !ok {
		return Origin{}, fmt.Errorf("unknown provider %q", s.Provider)
	}
	if p.BaseURL == "" {
		return Origin{}, fmt.Errorf("a setting of %s must say where it is", s.Provider)
	}
	return ParseOrigin(p.BaseURL)
}

// ParseOrigin reads an origin with an optional path prefix. One trailing /v1 is
// dropped, since the endpoints' paths bring their own.
func ParseOrigin(raw string) (Origin, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' || r == '%' }) {
		return Origin{}, errors.New("url must be printable ASCII without blanks, escapes and backslashes")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return Origin{}, errors.New("url must be an origin with an optional path, such as https://host:8443/prefix")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(raw, "#") {
		return Origin{}, errors.New("url must have no user, query or fragment")
	}
	o := Origin{Scheme: u.Scheme, Host: strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))}
	switch u.Scheme {
	case "https":
		o.Port = 443
	case "http":
		o.Port = 80
	default:
		return Origin{}, errors.New("url must start with https, or with http for an allowed upstream")
	}
	if u.Port() != "" {
		if o.Port, err = strconv.Atoi(u.Port()); err != nil || o.Port < 1 || o.Port > 65535 {
			return Origin{}, errors.New("url has a port outside 1 to 65535")
		}
	}
	o.Prefix = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/v1")
	if o.Prefix != "" && !plain(o.Prefix) {
		return Origin{}, errors.New("url has a path with characters other than letters, digits and slash, dash, underscore, dot and colon")
	}
	return o, nil
}

// Cluster is the name of the Envoy cluster for the origin.
func (o Origin) Cluster() string {
	return "upstream/" + o.Scheme + "/" + net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
}

// Authority is the value of the :authority header: the port only when it is not
// the scheme's default.
func (o Origin) Authority() string {
	if (o.Scheme == "https" && o.Port == 443) || (o.Scheme == "http" && o.Port == 80) {
		if strings.Contains(o.Host, ":") {
			return "[" + o.Host + "]"
		}
		return o.Host
	}
	return net.JoinHostPort(o.Host, strconv.Itoa(o.Port))
}

package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ParamDeployment is what a route's step may give; ParamAPIVersion, which
// becomes the query's api-version, and ParamPath are others.
const ParamDeployment = "deploymentId" // fills the variable segment of a path

// ForOperation finds the endpoint by which p does an operation that takes a JSON
// body, and fills its path from params. The error is fit for an administrator.
func (p *Provider) ForOperation(operation string, params map[string]string) (m Match, query string, err error) {
	err = fmt.Errorf("provider %s does not do %s", p.Name, operation)
	for i := range p.Endpoints {
		e := &p.Endpoints[i]
		if e.Operation != operation || e.Method != http.MethodPost || e.Body != JSONBody {
			continue
		}
		if strings.Contains(e.Path, "{") != (params[ParamDeployment] != "") && p == &azure {
			continue // its paths without a deployment name that in the body
		}
		path, fits := fillTemplate(e.Path, params[ParamDeployment])
		if !fits {
			err = fmt.Errorf("provider %s needs %s, of letters, digits, dashes, underscores and dots", p.Name, ParamDeployment)
			continue
		}
		if v := params[ParamAPIVersion]; v != "" {
			query = "api-version=" + url.QueryEscape(v)
		}
		m = Match{Provider: p, Endpoint: e, Deployment: segment(e.Path, path, "{deployment}")}
		m.Method, m.Path = e.upstream(path)
		return m, query, nil
	}
	return Match{}, "", err
}

// fillTemplate puts value in place of the template's one variable segment.
func fillTemplate(template, value string) (path string, ok bool) {
	open, end := strings.IndexByte(template, '{'), strings.IndexByte(template, '}')
	if open < 0 || end < open {
		return template, true
	}
	path = template[:open] + value + template[end+1:]
	return path, value != "" && !strings.ContainsAny(value, "/:") && plain(path) && !strings.Contains(path, "{")
}

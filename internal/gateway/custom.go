package gateway

import "time"

// CustomProvider is a provider that an administrator describes: which paths it
// has, where they lead and where in their JSON the gateway finds what it needs.
type CustomProvider struct {
	ID        string
	Provider  string // its name in paths and settings; it never changes
	Tags      []string
	CreatedAt time.Time // whole seconds, UTC
	UpdatedAt time.Time

	Routes []CustomRoute

	// AuthenticationParam names the member of a setting that holds the
	// credential; empty: the provider takes none.
	AuthenticationParam string
	// AuthenticationHeader and AuthenticationQuery name where the credential is
	// sent. At most one is set; neither: as a bearer token.
	AuthenticationHeader string
	AuthenticationQuery  string

	Revision int64
}

// CustomRoute is one path of a custom provider. Locations are gjson paths; an
// empty one stands for nothing.
type CustomRoute struct {
	Path                     string `json:"path"`
	TargetURL                string `json:"targetUrl"`
	ModelLocation            string `json:"model"`
	PromptLocation           string `json:"prompt"`
	CompletionLocation       string `json:"completion"`
	StreamLocation           string `json:"stream"`
	StreamEndWord            string `json:"streamEndWord"`
	StreamCompletionLocation string `json:"streamCompletion"`
	StreamMaxEmptyMessages   int    `json:"streamMaxEmptyMessages"` // 0: no bound
}

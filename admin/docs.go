package admin

import (
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"net/http"
	"strings"
)

const docsPath = "/api/docs"

//go:embed docs.html
var docsPage string

// docsPolicy allows the page its own script and style, by hash, and requests to
// this API; nothing else, and nothing from the network.
var docsPolicy = "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
	"; script-src " + hashSource("script") + "; style-src " + hashSource("style")

func hashSource(element string) string {
	_, rest, _ := strings.Cut(docsPage, "<"+element+">")
	text, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// serveDocs sends the page that renders the OpenAPI document. It is the one
// path that needs no admin key: it holds no data, and a browser can send the
// key only once it has a page that asks for it.
func (a *api) serveDocs(w http.ResponseWriter, r *http.Request) {
	if a.open() {
		if err := a.checkLocal(r); err != nil {
			a.fail(w, r, err)
			return
		}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		a.fail(w, r, methodNotAllowed.with("this path answers to GET, HEAD"))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", docsPolicy)
	_, _ = w.Write([]byte(docsPage))
}

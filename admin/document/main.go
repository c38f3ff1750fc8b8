// Command document prints the admin API's OpenAPI document in the form that its
// Go client is generated from: see `make generate`.
package main

import (
	"fmt"
	"os"

	"github.com/bricks-gateway/bricks/admin"
)

func main() {
	document, err := admin.ClientDocument()
	if err == nil {
		_, err = os.Stdout.Write(document)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "document:", err)
		os.Exit(1)
	}
}

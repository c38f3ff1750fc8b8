// Package admin is the REST API that manages the gateway: provider settings,
// keys, users, events. It is HTTP and JSON and nothing else; what the objects mean
// stands in internal/gateway, how they are kept in internal/store.
//
// The one idea needed to read it: every route is a row of one table (see
// route), and the same Go types make the OpenAPI document, check what comes in
// and shape what goes out. What the document says is therefore what happens.
// Bodies and query parameters pass the same strict reader (json_tree.go,
// schema.go), which reports every fault with a JSON pointer.
package admin

package provider

// The rows of calls that bill nothing by themselves are written with these.

func get(path, operation string) Endpoint {
	return Endpoint{Method: "GET", Path: path, Operation: operation}
}

func remove(path, operation string) Endpoint {
	return Endpoint{Method: "DELETE", Path: path, Operation: operation}
}

// post is a call with a JSON body that may name a model.
func post(path, operation string) Endpoint {
	return Endpoint{Method: "POST", Path: path, Operation: operation, Body: JSONBody, ModelOptional: true}
}

// act is a call whose path says it all.
func act(path, operation string) Endpoint {
	return Endpoint{Method: "POST", Path: path, Operation: operation, Body: OptionalJSON, ModelOptional: true}
}

// upload is a call whose body goes through unread.
func upload(path, operation string) Endpoint {
	return Endpoint{Method: "POST", Path: path, Operation: operation, Body: StreamedBody, ModelOptional: true}
}

// download is a call whose answer goes through unread.
func download(path, operation string) Endpoint {
	return Endpoint{Method: "GET", Path: path, Operation: operation, RawAnswer: true}
}

// later marks a call that makes the provider work, and bill, afterwards.
func later(e Endpoint) Endpoint {
	e.Unbounded = true
	return e
}

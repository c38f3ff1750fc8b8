package fakeprovider

import (
	"bytes"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
)

// storedRows are the calls about things that OpenAI keeps. The fake keeps jobs
// and what batches need alone: any other thing that is asked for exists.
var storedRows = []row{
	{"GET", "/v1/chat/completions", list("chat.completion")},
	{"GET", "/v1/chat/completions/{id}", one("chat.completion")},
	{"POST", "/v1/chat/completions/{id}", made("chat.completion", "metadata")},
	{"DELETE", "/v1/chat/completions/{id}", one("chat.completion.deleted")},
	{"GET", "/v1/chat/completions/{id}/messages", list("chat.completion.message")},

	{"POST", "/v1/conversations", acted("conversation")},
	{"GET", "/v1/conversations/{id}", one("conversation")},
	{"POST", "/v1/conversations/{id}", made("conversation", "metadata")},
	{"DELETE", "/v1/conversations/{id}", one("conversation.deleted")},
	{"GET", "/v1/conversations/{id}/items", list("message")},
	{"POST", "/v1/conversations/{id}/items", made("list", "items")},
	{"GET", "/v1/conversations/{id}/items/{item}", one("message")},
	{"DELETE", "/v1/conversations/{id}/items/{item}", one("conversation")},

	{"GET", "/v1/responses/{id}", looked("response")},
	{"DELETE", "/v1/responses/{id}", one("response")},
	{"POST", "/v1/responses/{id}/cancel", acted("response")},
	{"GET", "/v1/responses/{id}/input_items", list("message")},

	{"GET", "/v1/files", list("file")},
	{"GET", "/v1/files/{id}", one("file")},
	{"DELETE", "/v1/files/{id}", one("file")},
	{"POST", "/v1/files/{id}/content", asJSON((*exchange).noSuchCall)},
	{"POST", "/v1/uploads", made("upload", "filename", "purpose", "bytes", "mime_type")},
	{"POST", "/v1/uploads/{id}/complete", made("upload", "part_ids")},
	{"POST", "/v1/uploads/{id}/cancel", acted("upload")},

	{"GET", "/v1/batches", list("batch")},
	{"POST", "/v1/batches", asJSON((*exchange).createBatch)},
	{"GET", "/v1/batches/{id}", looked("batch")},
	{"POST", "/v1/batches/{id}/cancel", acted("batch")},

	{"GET", "/v1/vector_stores", list("vector_store")},
	{"POST", "/v1/vector_stores", made("vector_store")},
	{"GET", "/v1/vector_stores/{id}", one("vector_store")},
	{"POST", "/v1/vector_stores/{id}", made("vector_store")},
	{"DELETE", "/v1/vector_stores/{id}", one("vector_store.deleted")},
	{"POST", "/v1/vector_stores/{id}/search", made("vector_store.search_results.page", "query")},
	{"GET", "/v1/vector_stores/{id}/files", list("vector_store.file")},
	{"POST", "/v1/vector_stores/{id}/files", made("vector_store.file", "file_id")},
	{"GET", "/v1/vector_stores/{id}/files/{file}", one("vector_store.file")},
	{"POST", "/v1/vector_stores/{id}/files/{file}", made("vector_store.file", "attributes")},
	{"DELETE", "/v1/vector_stores/{id}/files/{file}", one("vector_store.file.deleted")},
	{"GET", "/v1/vector_stores/{id}/files/{file}/content", list("vector_store.file_content.page")},
	{"POST", "/v1/vector_stores/{id}/file_batches", made("vector_store.file_batch")},
	{"GET", "/v1/vector_stores/{id}/file_batches/{batch}", one("vector_store.file_batch")},
	{"POST", "/v1/vector_stores/{id}/file_batches/{batch}/cancel", acted("vector_store.file_batch")},
	{"GET", "/v1/vector_stores/{id}/file_batches/{batch}/files", list("vector_store.file")},

	{"GET", "/v1/assistants", list("assistant")},
	{"POST", "/v1/assistants", made("assistant", "model")},
	{"GET", "/v1/assistants/{id}", one("assistant")},
	{"POST", "/v1/assistants/{id}", made("assistant")},
	{"DELETE", "/v1/assistants/{id}", one("assistant.deleted")},
	{"GET", "/v1/assistants/{id}/files", list("assistant.file")},
	{"POST", "/v1/assistants/{id}/files", made("assistant.file", "file_id")},
	{"GET", "/v1/assistants/{id}/files/{file}", one("assistant.file")},
	{"DELETE", "/v1/assistants/{id}/files/{file}", one("assistant.file.deleted")},
	{"POST", "/v1/threads", acted("thread")},
	{"GET", "/v1/threads/{id}", one("thread")},
	{"POST", "/v1/threads/{id}", made("thread")},
	{"DELETE", "/v1/threads/{id}", one("thread.deleted")},
	{"GET", "/v1/threads/{id}/messages", list("thread.message")},
	{"POST", "/v1/threads/{id}/messages", made("thread.message", "role", "content")},
	{"GET", "/v1/threads/{id}/messages/{message}", one("thread.message")},
	{"POST", "/v1/threads/{id}/messages/{message}", made("thread.message")},
	{"DELETE", "/v1/threads/{id}/messages/{message}", one("thread.message.deleted")},
	{"GET", "/v1/threads/{id}/messages/{message}/files", list("thread.message.file")},
	{"GET", "/v1/threads/{id}/messages/{message}/files/{file}", one("thread.message.file")},
	{"GET", "/v1/threads/{id}/runs", list("thread.run")},
	{"GET", "/v1/threads/{id}/runs/{run}", looked("thread.run")},
	{"POST", "/v1/threads/{id}/runs/{run}", made("thread.run")},
	{"POST", "/v1/threads/{id}/runs/{run}/cancel", acted("thread.run")},
	{"GET", "/v1/threads/{id}/runs/{run}/steps", list("thread.run.step")},
	{"GET", "/v1/threads/{id}/runs/{run}/steps/{step}", one("thread.run.step")},
}

// ready checks what every call has in common, and waits. go on only when it is true.
func (x *exchange) ready() (bool, error) {
	if err := x.fault.failure(); err != nil {
		x.wait()
		return false, err
	}
	return x.wait(), nil
}

// list answers with a page of one thing.
func list(kind string) handler {
	return bare(func(x *exchange) any {
		return ordered{{"object", "list"}, {"data", []any{thing("first-of-"+x.lastID(), kind)}}, {"first_id", "a"}, {"last_id", "a"}, {"has_more", false}}
	})
}

// one answers with the thing that the path names.
func one(kind string) handler {
	return bare(func(x *exchange) any { return thing(x.lastID(), kind) })
}

// acted is one for a call whose body may be absent.
func acted(kind string) handler {
	return func(x *exchange) error {
		if len(x.body) > 0 {
			return made(kind)(x)
		}
		return one(kind)(x)
	}
}

func bare(answer func(*exchange) any) handler {
	return func(x *exchange) error {
		if len(x.body) > 0 {
			return violation("%s %s with a body of %d bytes", x.r.Method, x.path, len(x.body))
		}
		if ok, err := x.ready(); !ok {
			return err
		}
		x.sendJSON(http.StatusOK, answer(x))
		return nil
	}
}

// made answers with a thing made of a JSON body that has the required fields.
func made(kind string, required ...string) handler {
	return asJSON(func(x *exchange, o object) error {
		for _, name := range required {
			if absent(o[name]) {
				return badRequest(name, "Missing required parameter: '%s'.", name)
			}
		}
		if ok, err := x.ready(); !ok {
			return err
		}
		x.sendJSON(http.StatusOK, thing(x.lastID(), kind))
		return nil
	})
}

func thing(id, kind string) ordered {
	return ordered{
		{"id", id}, {"object", kind}, {"type", kind}, {"created_at", created}, {"status", "completed"}, {"deleted", strings.HasSuffix(kind, "deleted")},
		{"metadata", ordered{}},
	}
}

// lastID is the last part of the path that names something.
func (x *exchange) lastID() string {
	parts := strings.Split(x.path, "/")
	for i := len(parts) - 1; i > 0; i-- {
		for _, v := range x.params {
			if v == parts[i] {
				return v
			}
		}
	}
	return "new-1"
}

// noSuchCall is what the real API says to a path that it has with another method.
func (x *exchange) noSuchCall(object) error {
	return &apiError{status: http.StatusMethodNotAllowed, kind: "invalid_request_error", message: "Not allowed to " + x.r.Method + " on " + x.path + "."}
}

// form is a decoded multipart body.
type form struct {
	fields map[string]string
	files  map[string][][]byte // a name may come several times, with or without []
}

func (x *exchange) form() (form, error) {
	f := form{fields: map[string]string{}, files: map[string][][]byte{}}
	t, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || t != "multipart/form-data" {
		return f, badRequest("", "Unsupported content type: %s", x.r.Header.Get("Content-Type"))
	}
	parsed, err := multipart.NewReader(bytes.NewReader(x.body), params["boundary"]).ReadForm(1 << 30)
	if err != nil {
		return f, violation("We could not parse the form of your request: %v", err)
	}
	for name, values := range parsed.Value {
		if len(values) != 1 && !strings.HasSuffix(name, "[]") {
			return f, violation("%d parts are called %s", len(values), name)
		}
		f.fields[name] = values[0]
	}
	for name, headers := range parsed.File {
		for _, h := range headers {
			file, err := h.Open()
			if err != nil {
				return f, err
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(file); err != nil {
				return f, err
			}
			name := strings.TrimSuffix(name, "[]")
			f.files[name] = append(f.files[name], b.Bytes())
		}
	}
	return f, nil
}

func (x *exchange) createFile() error {
	f, err := x.form()
	if err != nil {
		return err
	}
	if len(f.files["file"]) != 1 || f.fields["purpose"] == "" && !x.anthropic {
		return badRequest("file", "'file' and 'purpose' are required")
	}
	if ok, err := x.ready(); !ok {
		return err
	}
	size := len(f.files["file"][0])
	id := "file-" + strconv.Itoa(size)
	if f.fields["purpose"] == "batch" {
		if kept, ok := x.p.keepRequests(f.files["file"][0]); ok {
			id = kept
		}
	}
	x.sendJSON(http.StatusOK, ordered{
		{"id", id}, {"object", "file"}, {"bytes", size}, {"created_at", created}, {"filename", "f"},
		{"purpose", f.fields["purpose"]}, {"status", "processed"},
	})
	return nil
}

func (x *exchange) createPart() error {
	f, err := x.form()
	if err != nil {
		return err
	}
	if len(f.files["data"]) != 1 {
		return badRequest("data", "'data' is required")
	}
	if ok, err := x.ready(); !ok {
		return err
	}
	x.sendJSON(http.StatusOK, ordered{{"id", "part-1"}, {"object", "upload.part"}, {"created_at", created}, {"upload_id", x.lastID()}})
	return nil
}

// Content is what every file holds: bytes that are no text.
var Content = bytes.Repeat([]byte{0, 1, 0xff, 0xfe, '"', '\n', 0x80, 'd', 'a', 't', 'a', ':'}, 20_000)

func (x *exchange) fileContent() error {
	if len(x.body) > 0 {
		return violation("a body of %d bytes", len(x.body))
	}
	if ok, err := x.ready(); !ok {
		return err
	}
	if !x.keptResults() {
		x.sendBytes(http.StatusOK, "application/octet-stream", [][]byte{Content})
	}
	return nil
}

func (x *exchange) batchResults() error {
	if ok, err := x.ready(); !ok {
		return err
	}
	if x.keptResults() {
		return nil
	}
	line := append(encode(ordered{{"custom_id", "a"}, {"result", ordered{{"type", "succeeded"}, {"message", ordered{
		{"usage", ordered{{"input_tokens", 10}, {"output_tokens", 5}}},
	}}}}}), '\n')
	x.sendBytes(http.StatusOK, "application/x-jsonl", [][]byte{line})
	return nil
}

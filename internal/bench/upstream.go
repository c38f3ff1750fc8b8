package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	streamEvents = 100
	eventGap     = 2 * time.Millisecond
)

var answer = []byte(`{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	strings.Repeat("lorem ipsum ", 60) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29}}`)

// serveUpstream is the fake provider: it answers as fast as it can, and streams
// at a fixed pace.
func serveUpstream() (port int, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	go func() {
		_ = (&http.Server{Handler: http.HandlerFunc(serve), ReadHeaderTimeout: time.Minute}).Serve(l)
	}()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func serve(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	_, _ = body.ReadFrom(r.Body)
	if !bytes.Contains(body.Bytes(), []byte(`"stream":true`)) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	tick := time.NewTicker(eventGap)
	defer tick.Stop()
	for i := range streamEvents {
		fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"word %d"}}],"usage":null}`+"\n\n", i)
		_ = rc.Flush()
		<-tick.C
	}
	fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":100,"total_tokens":109}}`+"\n\ndata: [DONE]\n\n")
}

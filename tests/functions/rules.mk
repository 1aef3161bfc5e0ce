# Functions through the official clients. The packages of functions ask for the CDK, which nothing here needs.
tests/functions/node_modules/.package-lock.json: tests/functions/package-lock.json
	cd tests/functions && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund
	@touch $@

# AWS's own runtime client, as another that speaks the Runtime API. Without its native part its tests are left out.
tests/functions/official/node_modules/.package-lock.json: tests/functions/official/package-lock.json tests/functions/official/build.sh
	cd tests/functions/official && npm ci --ignore-scripts --no-audit --no-fund && (sh build.sh || echo "not built: the tests with it are skipped")
	@touch $@

test-functions: $(BUILD)/ampd js/node_modules/.package-lock.json tests/functions/node_modules/.package-lock.json \
    tests/userpools/node_modules/.package-lock.json tests/functions/official/node_modules/.package-lock.json ## functions: invocations, the data API's handlers, triggers
	AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/functions/*.test.mjs))
TESTS += test-functions
.PHONY: test-functions

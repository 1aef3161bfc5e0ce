# Functions: triggers of user pools, through the official clients.
tests/functions/node_modules/.package-lock.json: tests/functions/package-lock.json
	cd tests/functions && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

test-functions: $(BUILD)/ampd js/node_modules/.package-lock.json tests/functions/node_modules/.package-lock.json tests/userpools/node_modules/.package-lock.json ## the project's functions as the services run them
	AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/functions/*.test.mjs))
TESTS += test-functions
.PHONY: test-functions

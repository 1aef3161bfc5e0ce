tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	cd tests/browser && npm ci --no-audit --no-fund
	@touch $@

test-browser: $(BUILD)/ampd js/node_modules/.package-lock.json tests/browser/node_modules/.package-lock.json \
    examples/todo/node_modules/.package-lock.json examples/blog/node_modules/.package-lock.json ## the examples in Chromium; screenshots in build/screenshots
	AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/browser/*.test.mjs))
TESTS += test-browser
.PHONY: test-browser

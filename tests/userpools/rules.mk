# User pools and identity pools through the official clients.
tests/userpools/node_modules/.package-lock.json: tests/userpools/package-lock.json
	cd tests/userpools && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

test-userpools: $(BUILD)/ampd js/node_modules/.package-lock.json tests/userpools/node_modules/.package-lock.json ## sign-up, sign-in and tokens with the official clients
	AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/userpools/*.test.mjs))
TESTS += test-userpools
.PHONY: test-userpools

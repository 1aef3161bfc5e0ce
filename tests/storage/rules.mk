# Buckets through S3's clients.
tests/storage/node_modules/.package-lock.json: tests/storage/package-lock.json
	cd tests/storage && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

test-storage: $(BUILD)/ampd js/node_modules/.package-lock.json tests/storage/node_modules/.package-lock.json ## objects and buckets with the official clients
	AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/storage/*.test.mjs))
TESTS += test-storage
.PHONY: test-storage

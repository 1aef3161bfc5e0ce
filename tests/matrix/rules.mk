# What the rules allow: a generated matrix against a reference of its own.
tests/matrix/node_modules/.package-lock.json: tests/matrix/package-lock.json
	cd tests/matrix && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

test-matrix: $(BUILD)/ampd js/node_modules/.package-lock.json tests/matrix/node_modules/.package-lock.json ## who may do what, kinds of rules x callers x operations x fields x relations x realtime
	AMPD="$(BUILD_ABS)/ampd" node tests/matrix/run.mjs
TESTS += test-matrix
.PHONY: test-matrix

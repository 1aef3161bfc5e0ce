# `ampd sandbox` as a person and a script see it: start, reload, errors, signals, data kept.
test-sandbox: $(BUILD)/ampd js ## the sandbox command: start, live changes, errors, orderly end
	AMPD="$(BUILD_ABS)/ampd" node --test tests/sandbox/*.test.mjs
TESTS += test-sandbox
.PHONY: test-sandbox

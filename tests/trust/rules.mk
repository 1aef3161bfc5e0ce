test-trust: $(BUILD)/ampd ## ampd trust, with openssl, Node and Chromium as the clients
	AMPD="$(BUILD_ABS)/ampd" node --test tests/trust/trust.test.mjs
TESTS += test-trust
.PHONY: test-trust

test-trust: $(BUILD)/ampd ## ampd trust, with openssl, Node and Chromium as the clients
	AMPD=$(abspath $(BUILD)/ampd) node --test tests/trust/trust.test.mjs
TESTS += test-trust
.PHONY: test-trust

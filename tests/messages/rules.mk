# Messages that leave the machine: an SMTP server and a webhook written in Node, mails read by Python's parser.
tests/messages/node_modules/.package-lock.json: tests/messages/package-lock.json
	cd tests/messages && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

test-messages: $(BUILD)/ampd js/node_modules/.package-lock.json tests/messages/node_modules/.package-lock.json ## codes by SMTP and webhook
	AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/messages/*.test.mjs))
TESTS += test-messages
.PHONY: test-messages

# Sign-in's cryptography against Cognito's own packages: node --test drives a small sanitized host program.
CRYPTO_HOST := $(BUILD)/tests/crypto_host

$(CRYPTO_HOST): tests/auth/crypto_host.c $(BUILD)/san/libampd.a
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) -O1 $(SAN) $(PKG_CFLAGS) -o $@ $< $(BUILD)/san/libampd.a $(LIBS)

tests/auth/node_modules/.package-lock.json: tests/auth/package-lock.json
	cd tests/auth && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json

test-auth: $(CRYPTO_HOST) tests/auth/node_modules/.package-lock.json ## sign-in's cryptography against Cognito's client
	CRYPTO_HOST="$(BUILD_ABS)/tests/crypto_host" node --test $(sort $(wildcard tests/auth/*.test.mjs))

TESTS += test-auth
.PHONY: test-auth

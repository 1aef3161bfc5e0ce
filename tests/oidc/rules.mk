# External OpenID Connect issuers: an issuer written in Node, tokens signed by an independent library.
OIDC_HOST := $(BUILD)/tests/oidc_host

$(OIDC_HOST): tests/oidc/oidc_host.c $(BUILD)/san/libampd.a
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) -O1 $(SAN) $(PKG_CFLAGS) -o $@ $< $(BUILD)/san/libampd.a $(LIBS)

tests/oidc/node_modules/.package-lock.json: tests/oidc/package-lock.json
	cd tests/oidc && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

test-oidc: $(OIDC_HOST) $(BUILD)/ampd js/node_modules/.package-lock.json tests/oidc/node_modules/.package-lock.json ## tokens of an external issuer
	OIDC_HOST="$(BUILD_ABS)/tests/oidc_host" AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/oidc/*.test.mjs))
TESTS += test-oidc
.PHONY: test-oidc

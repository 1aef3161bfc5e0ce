ORACLE_PACKAGES := tests/oracle/node_modules/.package-lock.json

# Not `npm ci`: it refuses locks of packages that bundle others unless the lock names a registry.
$(ORACLE_PACKAGES): tests/oracle/package-lock.json
	cd tests/oracle && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

test-oracle: $(BUILD)/ampd $(ORACLE_PACKAGES) ## what the data API makes of schemas, against the official generators
	cd tests/oracle && AMPD="$(BUILD_ABS)/ampd" node --test $(notdir $(wildcard tests/oracle/*.test.mjs))
TESTS += test-oracle
.PHONY: test-oracle

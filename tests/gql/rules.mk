# The GraphQL engine against graphql-js: node --test drives a small sanitized host program.
GQL_HOST := $(BUILD)/tests/gql_host

$(GQL_HOST): tests/gql/gql_host.c $(BUILD)/san/libampd.a
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) -O1 $(SAN) $(PKG_CFLAGS) -o $@ $< $(BUILD)/san/libampd.a $(LIBS)

tests/gql/node_modules/.package-lock.json: tests/gql/package-lock.json
	cd tests/gql && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json

test-gql: $(GQL_HOST) $(BUILD)/ampd tests/gql/node_modules/.package-lock.json ## GraphQL engine against graphql-js
	GQL_HOST="$(BUILD_ABS)/tests/gql_host" AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/gql/*.test.mjs))

TESTS += test-gql
.PHONY: test-gql

# The GraphQL engine beside graphql-js.
$(BUILD)/gql_bench: bench/gql_bench.c $(OBJ)
	$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -o $@ $< $(OBJ) $(LIBS)

bench-gql: $(BUILD)/gql_bench tests/gql/node_modules/.package-lock.json ## the GraphQL engine beside graphql-js
	node bench/gql.mjs $(BUILD)/gql_bench

BENCHES += bench-gql
.PHONY: bench-gql

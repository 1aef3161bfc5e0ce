# Signing in, beside cognito-local, and what it costs to know who has.
$(BUILD)/bench/auth_bench: bench/auth_bench.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -o $@ $< $(OBJ) $(LIBS)

bench/auth/node_modules/.package-lock.json: bench/auth/package-lock.json
	cd bench/auth && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

bench-auth: $(BUILD)/bench/auth_bench $(BUILD)/ampd bench/auth/node_modules/.package-lock.json ## sign-ins beside cognito-local, checks of tokens
	AMPD="$(BUILD_ABS)/ampd" BENCH_SECONDS=$(BENCH_SECONDS) node bench/auth.mjs
	@folder=$$(mktemp -d) && { $(BUILD)/bench/auth_bench $(BENCH_SECONDS) $$folder; code=$$?; rm -rf $$folder; exit $$code; }
BENCHES += bench-auth
.PHONY: bench-auth

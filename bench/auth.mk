# Signing in, and what it costs to know who has.
$(BUILD)/bench/auth_bench: bench/auth_bench.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -o $@ $< $(OBJ) $(LIBS)

bench-auth: $(BUILD)/bench/auth_bench all ## sign-ins beside cognito-local, and checks of tokens
	@folder=$$(mktemp -d) && { $(BUILD)/bench/auth_bench $(BENCH_SECONDS) $$folder; code=$$?; rm -rf $$folder; exit $$code; }
BENCHES += bench-auth
.PHONY: bench-auth

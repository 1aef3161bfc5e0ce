# What a signed request costs to check, beside the cryptography alone.
$(BUILD)/bench/iam_bench: bench/iam_bench.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -o $@ $< $(OBJ) $(LIBS)

bench-iam: $(BUILD)/bench/iam_bench ## checking signatures, tokens and policies
	@folder=$$(mktemp -d) && { $(BUILD)/bench/iam_bench $(BENCH_SECONDS) $$folder; code=$$?; rm -rf $$folder; exit $$code; }
BENCHES += bench-iam
.PHONY: bench-iam

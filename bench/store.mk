# The store against the disk's own speed: BENCH_SECONDS for each figure.
BENCH_SECONDS ?= 2

$(BUILD)/bench/store_bench: bench/store_bench.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -o $@ $< $(OBJ) $(LIBS)

bench-store: $(BUILD)/bench/store_bench ## durable writes, reads and queries of the store
	@$(BUILD)/bench/store_bench $(BENCH_SECONDS)
BENCHES += bench-store
.PHONY: bench-store

# Functions beside a bare Node.js server, a bare Node.js process, and lambda-local.
bench/func/node_modules/.package-lock.json: bench/func/package-lock.json
	cd bench/func && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

bench-func: $(BUILD)/ampd js/node_modules/.package-lock.json bench/func/node_modules/.package-lock.json ## invocations of functions, warm and cold
	AMPD="$(BUILD_ABS)/ampd" BENCH_SECONDS=$(BENCH_SECONDS) node bench/func.mjs $(BENCH)
BENCHES += bench-func
.PHONY: bench-func

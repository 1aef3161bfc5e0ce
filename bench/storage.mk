# Objects beside nginx, s3rver, the disk and MD5.
bench/storage/node_modules/.package-lock.json: bench/storage/package-lock.json
	cd bench/storage && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

bench-storage: $(BUILD)/ampd bench/storage/node_modules/.package-lock.json ## downloads and uploads of objects
	@ulimit -n $$(ulimit -Hn); AMPD="$(BUILD_ABS)/ampd" BENCH_SECONDS=$(BENCH_SECONDS) node bench/storage.mjs $(BENCH)
BENCHES += bench-storage
.PHONY: bench-storage

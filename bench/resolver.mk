# JavaScript resolvers beside a bare Node server.
bench-resolver: $(BUILD)/ampd ## a JavaScript resolver's call: latency and calls a second
	AMPD="$(BUILD_ABS)/ampd" node bench/resolver.mjs
BENCHES += bench-resolver
.PHONY: bench-resolver

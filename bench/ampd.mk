bench-ampd: all js
	ulimit -n $$(ulimit -Hn); AMPD=$(BUILD)/ampd node bench/ampd.mjs $(BENCH)
BENCHES += bench-ampd
.PHONY: bench-ampd

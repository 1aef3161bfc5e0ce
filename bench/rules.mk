# Each bench/NAME.mk brings a benchmark: a target that is added to BENCHES.
include $(filter-out bench/rules.mk,$(sort $(wildcard bench/*.mk)))

bench: $(BENCHES) ## benchmarks, each against a limit or a peer measured in the same run
.PHONY: bench

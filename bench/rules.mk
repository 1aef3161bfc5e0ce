# Each bench/NAME.mk brings a benchmark: a target that is added to BENCHES.
include $(filter-out bench/rules.mk,$(wildcard bench/*.mk))

bench: ## benchmarks, each against a limit or a peer measured in the same run
	@sh scripts/deps.sh bench
	@$(MAKE) --no-print-directory $(JOBS) all js
	@set -e; for bench in $(BENCHES); do $(MAKE) --no-print-directory $$bench; done
.PHONY: bench

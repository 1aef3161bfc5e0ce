# Fuzzing: every tests/fuzz/fuzz_NAME.c is linked with all of src, compiled by clang with libFuzzer's
# coverage, ASan and UBSan. Seeds live in tests/fuzz/corpus/NAME/, a dictionary in NAME.dict. Inputs
# found on the way stay in $(BUILD)/fuzz/corpus/NAME, those that crash in $(BUILD)/fuzz/crashes.
FUZZ_CC      ?= clang-14
FUZZ_SECONDS ?= 30
FUZZ_FLAGS    = -std=gnu2x -D_GNU_SOURCE -Isrc -Wall -Wextra -g -O1 \
                -fno-omit-frame-pointer -MMD -MP -fsanitize=fuzzer-no-link,address,undefined \
                -fno-sanitize-recover=all
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OBJ     := $(SRC:%.c=$(BUILD)/fuzz/%.o)
FUZZ_BIN     := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)

$(BUILD)/fuzz/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) $(PKG_CFLAGS) -c -o $@ $<

$(BUILD)/fuzz/libampd.a: $(FUZZ_OBJ)
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/libampd.a
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) $(PKG_CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< \
	    $(BUILD)/fuzz/libampd.a $(LIBS)

fuzz: $(FUZZ_BIN) ## each fuzz target for FUZZ_SECONDS (30), two at a time
	@sh tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZ_BIN)

test-fuzz: $(FUZZ_BIN) ## each fuzz target for 10 s (20 when CI is set), from a fixed seed
	@FUZZ_SEED=1 sh tests/fuzz/run.sh $(BUILD)/fuzz $(if $(CI),20,10) $(FUZZ_BIN)
TESTS += test-fuzz

# The second compiler's warnings, and the rule that only waiting functions call waiting functions.
test-clang: ## all of src through clang's warnings and the check of YIELDS marks
	@$(FUZZ_CC) -fsyntax-only -std=gnu2x -D_GNU_SOURCE -Isrc -Wall -Wextra -Werror -Wthread-safety \
	    $(PKG_CFLAGS) $(SRC) src/main.c && echo "1 passed, 0 failed"
TESTS += test-clang

-include $(FUZZ_OBJ:.o=.d) $(FUZZ_BIN:=.d)
.PHONY: fuzz test-fuzz test-clang

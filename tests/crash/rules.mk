# kill -9 under load, and what is found afterwards.
CRASH_ROUNDS ?= 30

$(BUILD)/crash/store_crash: tests/crash/store_crash.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -o $@ $< $(OBJ) $(LIBS)

test-crash: $(BUILD)/crash/store_crash $(BUILD)/ampd ## kill -9 at random moments: nothing acknowledged is lost
	@node tests/crash/crash.mjs "$(BUILD_ABS)/crash/store_crash" "$(BUILD_ABS)/ampd" $(CRASH_ROUNDS)
TESTS += test-crash
.PHONY: test-crash

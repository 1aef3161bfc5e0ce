# `ampd fsck` on data that was damaged on purpose.
test-fsck: $(BUILD)/ampd ## damaged objects and bytes of nobody's are found
	AMPD="$(BUILD_ABS)/ampd" node --test tests/fsck/fsck.test.mjs
TESTS += test-fsck
.PHONY: test-fsck

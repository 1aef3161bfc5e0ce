# Who is calling and what they may do: the official signers against a sanitized host program.
IAM_HOST := $(BUILD)/tests/iam_host

$(IAM_HOST): tests/iam/iam_host.c $(BUILD)/san/libampd.a
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) -O1 $(SAN) $(PKG_CFLAGS) -o $@ $< $(BUILD)/san/libampd.a $(LIBS)

tests/iam/node_modules/.package-lock.json: tests/iam/package-lock.json
	cd tests/iam && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json

test-iam: $(IAM_HOST) $(BUILD)/ampd tests/iam/node_modules/.package-lock.json ## signatures, access keys and policies
	IAM_HOST="$(BUILD_ABS)/tests/iam_host" AMPD="$(BUILD_ABS)/ampd" node --test $(sort $(wildcard tests/iam/*.test.mjs))

TESTS += test-iam
.PHONY: test-iam

# What the roles of a project may do, against the official constructs, whose packages other suites have.
ROLES_HOST := $(BUILD)/tests/roles_host

$(ROLES_HOST): tests/roles/roles_host.c $(BUILD)/san/libampd.a
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) -O1 $(SAN) $(PKG_CFLAGS) -o $@ $< $(BUILD)/san/libampd.a $(LIBS)

test-roles: $(ROLES_HOST) $(IAM_HOST) js $(ORACLE_PACKAGES) tests/define/node_modules/.package-lock.json ## policies of roles, against those of the official constructs
	ROLES_HOST="$(BUILD_ABS)/tests/roles_host" IAM_HOST="$(BUILD_ABS)/tests/iam_host" \
	    node --test $(sort $(wildcard tests/roles/*.test.mjs))
TESTS += test-roles
.PHONY: test-roles

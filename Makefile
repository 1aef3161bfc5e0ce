# ampd's one Makefile. `make help` lists the targets.
BUILD  ?= build
CC     ?= gcc
WARN    = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion \
          -Wno-sign-conversion -Wframe-larger-than=8192
BASEFLAGS = -std=gnu2x -D_GNU_SOURCE -Isrc $(WARN) -g -fno-omit-frame-pointer -MMD -MP
OPT     = -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
PKGS    = libuv openssl sqlite3 libcurl libcbor zlib expat
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lboost_context -lm -lpthread
# $(BUILD) for programs that look at it from elsewhere, to be quoted: the path may have spaces in it,
# at which make's own abspath would take it apart.
BUILD_ABS = $(if $(filter /%,$(BUILD)),,$(CURDIR)/)$(BUILD)
SAN     = -fsanitize=address,undefined -fno-sanitize-recover=all -Wno-format-truncation -Wno-format-overflow

SRC    := $(filter-out src/main.c,$(sort $(wildcard src/*/*.c)))
OBJ    := $(SRC:%.c=$(BUILD)/%.o)
SANOBJ := $(SRC:%.c=$(BUILD)/san/%.o)
UNIT   := $(sort $(wildcard tests/unit/test_*.c))
UNITBIN := $(UNIT:tests/unit/%.c=$(BUILD)/unit/%)

all: $(BUILD)/ampd ## build ampd

$(BUILD)/ampd: $(OBJ) $(BUILD)/src/main.o
	@echo "  LINK  $@"
	@$(CC) -o $@ $^ $(LIBS)

$(BUILD)/src/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -c -o $@ $<

$(BUILD)/san/src/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  SAN   $<"
	@$(CC) $(BASEFLAGS) -O1 $(SAN) $(PKG_CFLAGS) -c -o $@ $<

$(BUILD)/san/libampd.a: $(SANOBJ)
	@rm -f $@ && ar rcs $@ $^

# The whole program under ASan and UBSan: AMPD=build/san/ampd make test-clients.
$(BUILD)/san/ampd: $(BUILD)/san/libampd.a $(BUILD)/san/src/main.o
	@echo "  LINK  $@"
	@$(CC) $(SAN) -o $@ $(BUILD)/san/src/main.o $(BUILD)/san/libampd.a $(LIBS)

# The whole program under clang's thread sanitizer, which knows fibers: AMPD=build/tsan/ampd.
$(BUILD)/tsan/ampd: $(SRC) src/main.c $(wildcard src/*/*.h src/*/*.def)
	@mkdir -p $(@D)
	@echo "  TSAN  $@"
	@clang-14 -std=gnu2x -D_GNU_SOURCE -Isrc -g -O1 -fsanitize=thread $(PKG_CFLAGS) -o $@ $(SRC) src/main.c $(LIBS)

# One binary per tests/unit/test_*.c, linked with the sanitized objects.
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/san/libampd.a
	@mkdir -p $(@D)
	@echo "  TEST  $<"
	@$(CC) $(BASEFLAGS) -Wno-missing-prototypes -O1 $(SAN) $(PKG_CFLAGS) -o $@ $< $(BUILD)/san/libampd.a $(LIBS) -lcmocka

test-unit: $(UNITBIN) ## C unit tests under ASan and UBSan
	@code=0; for t in $(UNITBIN); do echo "== $$t"; $$t || code=1; done; exit $$code
TESTS += test-unit

# Each folder of tests and of JavaScript brings its own targets and adds them to TESTS.
include $(wildcard tests/*/rules.mk js/rules.mk js/*/rules.mk bench/rules.mk)

# The longest first: two run at a time.
LONG_TESTS := test-semantics test-functions test-fuzz test-matrix test-oracle test-storage test-browser test-userpools test-clients test-crash
TESTS_SORTED = $(filter $(TESTS),$(LONG_TESTS)) $(filter-out $(LONG_TESTS),$(TESTS))

# Two at a time, unless make was started with a number of its own.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2)

# All npm packages, once, before targets that share some of them run beside each other.
packages: $(patsubst %package-lock.json,%node_modules/.package-lock.json,$(wildcard js/package-lock.json \
    examples/*/package-lock.json tests/*/package-lock.json)) ## the npm packages of everything
.PHONY: packages

test: ## install what is missing, build, prove everything
	@sh scripts/deps.sh test
	@$(MAKE) -s --no-print-directory $(JOBS) all $(BUILD)/san/libampd.a packages
	@MAKE="$(MAKE)" exec node scripts/test.mjs $(TESTS_SORTED)

EXAMPLE ?= blog
run: ## install what is missing, build, and serve the blog example (another one: EXAMPLE=todo)
	@sh scripts/deps.sh build
	@$(MAKE) -s --no-print-directory $(JOBS) all js
	@exec node scripts/run.mjs "examples/$(EXAMPLE)"

format: ## put all C into the project's format
	clang-format-14 -i $(C_FILES)

C_FILES := $(wildcard src/*.c src/*/*.[ch] tests/*/*.[ch] bench/*.c)

test-format: ## the format, without changing anything
	@clang-format-14 --dry-run -Werror $(C_FILES) && echo "1 passed, 0 failed"
TESTS += test-format

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

clean: ## remove what was built
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(SANOBJ:.o=.d) $(UNITBIN:=.d)
.PHONY: all test test-unit test-format run format help clean
.SECONDARY:

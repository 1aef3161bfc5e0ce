# The definitions' loader, by itself and against the original packages.
tests/define/node_modules/.package-lock.json: tests/define/package-lock.json tests/define/package.json
	cd tests/define && $(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@

test-define: js/node_modules/.package-lock.json tests/define/node_modules/.package-lock.json ## the loader of definitions
	tests/define/node_modules/.bin/tsc -p js
	node --test tests/define/*.test.mjs

TESTS += test-define
.PHONY: test-define

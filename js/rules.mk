# What ampd runs in Node.js needs its packages beside it: `make js`.
NPM ?= npm

js/node_modules/.package-lock.json: js/package-lock.json js/package.json
	cd js && $(NPM) ci --ignore-scripts --no-audit --no-fund
	@touch $@

js: js/node_modules/.package-lock.json ## the packages that the definitions' loader needs

.PHONY: js

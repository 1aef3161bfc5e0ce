# The repository itself: layers, sizes, banned calls, headers that stand alone, a README in each folder.
test-repo: ## layers, sizes, headers, READMEs
	@CC="$(CC)" CFLAGS="-std=gnu2x -D_GNU_SOURCE -Isrc $(PKG_CFLAGS)" sh tests/repo/check.sh
TESTS += test-repo
.PHONY: test-repo

# Small keep-alive requests: our server on one thread against nginx with one worker.
bench-http: $(BUILD)/wire/server-release
	@sh bench/http.sh $<
BENCHES += bench-http
.PHONY: bench-http

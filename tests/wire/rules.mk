# Bytes on the wire: a small server built from the library against raw sockets and other programs.
WIRE_SERVER = $(BUILD)/wire/server
WIRE_TESTS  = $(sort $(wildcard tests/wire/test_*.mjs))

# Sanitized for the tests, and as shipped where memory or time is measured.
$(WIRE_SERVER): tests/wire/server.c $(BUILD)/san/libampd.a
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) -O1 $(SAN) $(PKG_CFLAGS) -o $@ $< $(BUILD)/san/libampd.a $(LIBS)

$(WIRE_SERVER)-release: tests/wire/server.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -o $@ $< $(OBJ) $(LIBS)

test-wire: $(WIRE_SERVER) $(WIRE_SERVER)-release ## HTTP and WebSocket byte by byte
	@BUILD=$(BUILD) timeout 300 node --test $(WIRE_TESTS)
TESTS += test-wire

-include $(WIRE_SERVER).d $(WIRE_SERVER)-release.d
.PHONY: test-wire

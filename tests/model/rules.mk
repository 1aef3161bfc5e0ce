# Random histories against a simple model: long ones on the optimised build, a short one under the
# sanitizers. Both print their seed; `build/model/store_model OPERATIONS SEED` repeats one.
MODEL_OPERATIONS ?= 200000

$(BUILD)/model/store_model: tests/model/store_model.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) $(OPT) $(PKG_CFLAGS) -o $@ $< $(OBJ) $(LIBS)

$(BUILD)/model/store_model_san: tests/model/store_model.c $(BUILD)/san/libampd.a
	@mkdir -p $(@D)
	$(CC) $(BASEFLAGS) -O1 $(SAN) $(PKG_CFLAGS) -o $@ $< $(BUILD)/san/libampd.a $(LIBS)

test-model: $(BUILD)/model/store_model $(BUILD)/model/store_model_san ## the store against a model
	@$(BUILD)/model/store_model $(MODEL_OPERATIONS)
	@$(BUILD)/model/store_model_san 20000
TESTS += test-model
.PHONY: test-model

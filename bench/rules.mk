include $(filter-out bench/rules.mk,$(wildcard bench/*.mk))

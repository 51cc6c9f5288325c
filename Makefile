# The front door: what a newcomer types. CMake does the work.
#
#   make              build into build/
#   make bench        install what is missing, build, run the quick suite on the devices found
#   make bench-full   the same, then the papers' suites on real graphs (days on few cores) and scaling
#   make test         install what is missing, build, run every test
#   make test-devices verify on further OpenCL implementations, installed for that
#   make bundle       bundle/: program, libraries, suites; runs where there is glibc and a driver
#   make install      PREFIX (/usr/local) and DESTDIR as usual
BUILD ?= build
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

.PHONY: all
all:
	@tests/tools/setup --check build
	@cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) > $(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log
	@cmake --build $(BUILD) -j $(JOBS) -- --no-print-directory

.PHONY: setup
setup:
	@tests/tools/setup build run test bundle

.PHONY: bench
bench:
	@tests/tools/setup build run
	@$(MAKE) --no-print-directory all
	$(BUILD)/clmoe run quick

.PHONY: bench-full
bench-full: bench
	$(BUILD)/clmoe run her
	$(BUILD)/clmoe run her-sweep
	$(BUILD)/clmoe run gmoe
	$(BUILD)/clmoe run sage-moe
	$(BUILD)/clmoe run scaling

.PHONY: test
test: setup
	@$(MAKE) --no-print-directory all
	@tests/tools/run-tests $(BUILD) $(JOBS)

.PHONY: test-devices
test-devices: all
	@tests/devices/run $(BUILD) $(DEVICES)

.PHONY: bundle
bundle:
	@tests/tools/setup build bundle
	@$(MAKE) --no-print-directory all
	@tests/tools/bundle $(BUILD) bundle

.PHONY: install
install: all
	cmake --install $(BUILD)

.PHONY: clean
clean:
	rm -rf build build-asan build-clang bundle bundle.tar.gz

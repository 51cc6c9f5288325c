# The front door; CMake does the work.
BUILD ?= build
JOBS ?= $(shell nproc)

.PHONY: all
all:
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release
	@cmake --build $(BUILD) -j $(JOBS)

.PHONY: clean
clean:
	rm -rf build build-asan build-clang

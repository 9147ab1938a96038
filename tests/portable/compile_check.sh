#!/usr/bin/env bash
# Compiles the code that knows about processors (core, core/kernels, autograd, optim) for every kind of processor it is
# written for, in both element types, and links nothing: x86-64 baseline (SSE2), AVX2, AVX-512, and aarch64 where its
# compiler is installed (package g++-aarch64-linux-gnu).
#
#   tests/portable/compile_check.sh [TARGET...]      # targets: baseline avx2 avx512 aarch64
#
# Exit 0: all compile; 1: some do not (listed); a missing compiler is said and passed over.
set -uo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Headers alone are taken from the packages of this machine: a cross compiler must not see all of its /usr/include.
mkdir "$work/include"
for header in fmt nlohmann stb zlib.h zconf.h lapacke.h lapacke_config.h lapacke_mangling.h lapacke_utils.h cblas.h \
              cblas_mangling.h cblas-openblas.h openblas_config.h openblas; do
  for folder in /usr/include /usr/include/*-linux-gnu /usr/include/*-linux-gnu/openblas-pthread /usr/include/*-linux-gnu/openblas-openmp; do
    [ -e "$folder/$header" ] && [ ! -e "$work/include/$header" ] && ln -s "$(readlink -f "$folder/$header")" "$work/include/$header"
  done
done

flags="-std=gnu++20 -O1 -fopenmp -fno-math-errno -fno-trapping-math -Wall -Wextra -Wno-missing-field-initializers -Werror"
sources=$(ls core/kernels/*.cpp core/threads.cpp core/thread_pool.cpp core/allocator.cpp core/scratch.cpp core/tensor.cpp autograd/*.cpp autograd/ops/*.cpp optim/elements.cpp optim/rules/adam.cpp optim/rules/sgd.cpp)
failed=0
for target in "${@:-baseline avx2 avx512 aarch64}"; do
  for one in $target; do
    case $one in
      baseline) compiler="g++ -march=x86-64" ;;
      avx2) compiler="g++ -march=x86-64-v3" ;;
      avx512) compiler="g++ -march=x86-64-v4" ;;
      aarch64) compiler="aarch64-linux-gnu-g++" ;;
      *) echo "compile_check: unknown target '$one'; valid: baseline, avx2, avx512, aarch64" >&2; exit 2 ;;
    esac
    if ! command -v ${compiler%% *} > /dev/null; then echo "$one: ${compiler%% *} is not installed, passed over"; continue; fi
    count=0
    for source in $sources; do
      for define in "" -DGRADUS_DOUBLE; do
        # The double build differs only where lanes are counted.
        [ -n "$define" ] && [[ $source != core/kernels/* ]] && continue
        count=$((count + 1))
        if ! $compiler $flags $define -I. -isystem "$work/include" -c "$source" -o "$work/object.o" 2> "$work/errors"; then
          failed=1
          echo "$one: $source $define does not compile"
          grep -m3 error "$work/errors"
        fi
      done
    done
    echo "$one: $count compilations done"
  done
done
exit $failed

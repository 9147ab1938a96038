#!/usr/bin/env bash
# Gets what is missing, builds everything and runs all tests. Arguments go to ctest: 'tests/run.sh -L fast'.
set -euo pipefail
# shellcheck source=apps/setup.sh
. "$(dirname "$0")/../apps/setup.sh"
cd "$root"

need_packages
build_gradus build -DGRADUS_TESTS=ON
exec ctest --test-dir build --output-on-failure "$@"

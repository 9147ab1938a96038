#!/usr/bin/env bash
# From a fresh clone to a trained network: gets what is missing, builds, trains on the built-in digits.
set -euo pipefail
# shellcheck source=apps/setup.sh
. "$(dirname "$0")/setup.sh"
cd "$root"

need_packages
echo "building into $root/build (a few minutes, once)"
targets="gradus_program" build_gradus build
gradus=build/bin/gradus
$gradus --version
echo
echo "\$ gradus train --data digits --model lenet --epochs 2"
$gradus train --data digits --model lenet --optim adam --epochs 2 --seed 0
cat << 'END'

Next:
  export PATH="$PWD/build/bin:$PATH"
  gradus data show digits                  what the digits look like: digits.png
  gradus eval runs/digits-lenet-adam-s0    the score again, from the saved weights
  gradus predict IMAGE.png --init runs/digits-lenet-adam-s0
  gradus train --data mnist --model lenet --optim adam --schedule cosine --epochs 3   (--data-dir DIR or GRADUS_DATA)
  gradus optim list                        the optimizers; 'optim show adam' for one; likewise 'model', 'data'
  gradus train --help
END

#!/usr/bin/env bash
# Trains lenet on MNIST for one epoch with the rules of the first wing and prints a line a rule: accuracy on the test set.
#   GRADUS_DATA=... bash tests/lenet_epoch.sh build/bin/gradus [MODEL] [RULE...]
# Needs the data, so it is no test of the suite. Its results: optim/rules/README.md.
set -euo pipefail
gradus=$1
model=${2:-lenet}
shift; shift || true
rules='sgd:lr=0.03,momentum=0.9
adam
adamw:weight_decay=0.01
amsgrad
adamax
nadam:lr=1e-3
adabound
amsbound
adaboundw
adabelief
adamomentum:lr=3e-4
adam-cm:lr=3e-4
adam-c:lr=5e-4
sgd-c:lr=0.1
rmsprop-c:lr=3e-4
mars-adamw
mars-lion:lr=3e-4
mars-shampoo
swats
diffgrad:lr=2e-3
opt-amsgrad
adamod:lr=0.01
adaptive-braking:lr=0.03
radam:lr=2e-3
lion:lr=3e-4
grams:lr=2e-3
innaprop
inna:lr=0.1,alpha=0.5
adamp
sgdp:lr=0.03,momentum=0.9
adopt
adan:lr=2e-3
ademamix
adafactor:lr=0.02,relative_step=false
came
novograd:lr=3e-3'
for rule in $rules; do
  name=${rule%%:*}
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  out=$("$gradus" train --data mnist --model "$model" --optim "$rule" --epochs 1 --batch-size 64 --schedule constant --seed 1 \
    --threads 1 --quiet --json --out "$(mktemp -d)/run") || { echo "$rule failed"; continue; }
  echo "$rule $(python3 -c 'import json, sys; print(json.load(sys.stdin)["test_accuracy"])' <<<"$out")"
done

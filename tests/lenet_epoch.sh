#!/usr/bin/env bash
# Trains lenet on MNIST for one epoch with every rule and prints a line a rule: accuracy on the test set.
#   GRADUS_DATA=... bash tests/lenet_epoch.sh build/bin/gradus [MODEL] [RULE...]
# RULE: a name of the lists below, or `adaptive` or `families` for a list.
# Needs the data, so it is no test of the suite. Its results: optim/rules/README.md.
set -euo pipefail
gradus=$1
model=${2:-lenet}
shift; shift || true
adaptive='sgd:lr=0.03,momentum=0.9
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
families='lars:lr=0.05,trust_coefficient=0.04
tvlars:lr=0.05,eta=0.04
lamb:lr=5e-3
sgd-sai:lr=3e-4
subset-norm:lr=5e-3
subset-norm:lr=5e-3,momentum_type=sm
lawn(adam:lr=1e-3):free_steps=100
nfnet-agc(sgd:lr=0.1,momentum=0.9)
adagc(adam)
component-clipping(sgd:lr=0.03,momentum=0.9)
coordinate-clipping(sgd:lr=0.1,momentum=0.9)
clip-norm(sgd:lr=0.03,momentum=0.9)
clip-value(sgd:lr=0.03,momentum=0.9):max_value=0.1
sgg(adam):recluster_interval=100
signum:lr=3e-4,adam_lr=1e-3
shampoo:lr=0.3,adam_lr=1e-3
whitening-soap:adam_lr=1e-3
soap
splus:adam_lr=1e-3
spa:lr=5e-4,adam_lr=1e-3
muon:adam_lr=1e-3
muon:adam_lr=1e-3,ns_coefficients=classic
adamuon:lr=5e-4,adam_lr=1e-3
psgd:lr=5e-4,adam_lr=1e-3
adago:adamw_lr=1e-3
lanton:lr=5e-3
companion(muon|adamw)
oasis:adaptive=false,lr=0.03
sania
sania:preconditioner=hutchinson
egn:lr=0.2
gradient-regularization(sgd:lr=0.03,momentum=0.9)
gradient-regularization(sgd:lr=0.03,momentum=0.9):mode=double-backprop
amp(sgd:lr=0.03,momentum=0.9):epsilon=0.03
sam(sgd:lr=0.03,momentum=0.9)
sam(sgd:lr=0.03,momentum=0.9):adaptive=true,rho=0.5
adagrad-norm:lr=3
smb:lr=0.5
smb:lr=0.5,independent_batch=true
prodigy
dadapt-sgd:lr=0.3,momentum=0.9
dadapt-adam
dadapt-adagrad:lr=3
dadapt-lion:lr=0.1,beta2=0.9
alr-hb:beta=0.5
alr-mag
alr-smag
alr-shb
momo
momo-adam
aegd
aepg:lr=0.1,c=100
adam:eps_inside_root=true,bias_correction=false
rmsprop:lr=3e-4,eps_inside_root=true'
case " $* " in
  *' adaptive '*) rules=$adaptive; set -- ;;
  *' families '*) rules=$families; set -- ;;
  *) rules="$adaptive
$families" ;;
esac
for rule in $rules; do
  name=${rule%%[:(]*}
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  out=$("$gradus" train --data mnist --model "$model" --optim "$rule" --epochs 1 --batch-size 64 --schedule constant --seed 1 \
    --threads 1 --quiet --json --out "$(mktemp -d)/run") || { echo "$rule failed"; continue; }
  echo "$rule $(python3 -c 'import json, sys; print(json.load(sys.stdin)["test_accuracy"])' <<<"$out")"
done

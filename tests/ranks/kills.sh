#!/usr/bin/env bash
# Kills a random rank at a random time, again and again: every other rank must end by itself within 10 seconds, with exit
# code 1 and a line that names the lost one; and the run, resumed with another number of ranks, must end with the bytes
# of one that nothing happened to.
#   kills.sh [PROGRAM [KILLS [SEED]]]
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/ranks/common.sh
. "$here/common.sh"
gradus=${1:-$here/../../build/bin/gradus} kills=${2:-20}
RANDOM=${3:-1}
need_mpirun
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

run=(--data digits:train=512,test=64 --model lenet:conv1=4,conv2=8,hidden=32,dropout=0.2 --optim adam:lr=1e-3 --augment pad-crop
  --batch-size 48 --steps 100 --save-every 2 --eval-every 50 --deterministic --quiet)
began=$(date +%s%N)
ranks 3 "$scratch/whole" train "${run[@]}" --out "$scratch/whole/run" || {
  cat "$scratch"/whole/err.* "$scratch/whole/mpirun"
  exit 1
}
length=$((($(date +%s%N) - began) / 1000000)) # in ms
echo "uninterrupted: $length ms"

made=0
while [ $made -lt "$kills" ]; do
  dir=$scratch/$made.$RANDOM
  victim=$((RANDOM % 3)) after=$((length * (20 + RANDOM % 80) / 100))
  VICTIM=$victim AFTER=$(printf '%d.%03d' $((after / 1000)) $((after % 1000))) ranks 3 "$dir" train "${run[@]}" --out "$dir/run"
  # Came to its end first, or died before there was a run: another time.
  if [ "$(cat "$dir/code.$victim")" != 137 ] || [ ! -e "$dir/run/config.json" ] || [ -e "$dir/run/model.safetensors" ]; then
    echo "rank $victim after $after ms: too early or too late, again"
    continue
  fi
  for other in 0 1 2; do
    [ $other = $victim ] && continue
    [ -e "$dir/code.$other" ] || { echo "FAILED: rank $other left no code"; cat "$dir/mpirun"; exit 1; }
    took=$(awk -v a="$(cat "$dir/killed")" -v b="$(cat "$dir/ended.$other")" 'BEGIN { printf "%.1f", b - a }')
    if [ "$(cat "$dir/code.$other")" != 1 ] || [ "$(grep -c "gradus: rank $victim .* is gone" "$dir/err.$other")" != 1 ] ||
      awk -v t="$took" 'BEGIN { exit !(t > 10) }'; then
      echo "FAILED: rank $victim was killed; rank $other ended with $(cat "$dir/code.$other") after $took s:"
      cat "$dir/err.$other" "$dir/mpirun"
      exit 1
    fi
  done
  n=$((1 + RANDOM % 4))
  ranks $n "$dir/again" train --resume "$dir/run" --quiet || {
    echo "FAILED: resumed with $n ranks"
    cat "$dir"/again/err.* "$dir/again/mpirun"
    exit 1
  }
  same_bytes "$scratch/whole/run/model.safetensors" "$dir/run/model.safetensors"
  echo "rank $victim killed after $after ms: the others ended within $took s; resumed with $n ranks to the same bytes"
  rm -rf "$dir"
  made=$((made + 1))
done

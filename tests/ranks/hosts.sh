#!/usr/bin/env bash
# Three "hosts": network namespaces with names and addresses of their own, joined by a bridge. A run across them; then one in
# which a host is cut off in the middle: every rank must end by itself within 10 seconds, and the run, resumed, end with
# the bytes of the one that nothing happened to. Skipped (77) where namespaces may not be made.
#   hosts.sh [PROGRAM]
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/ranks/common.sh
. "$here/common.sh"
gradus=$(realpath "${1:-$here/../../build/bin/gradus}")
need_mpirun
tag=gr$$
scratch=$(mktemp -d)
clean() {
  for i in 0 1 2; do ip netns del "$tag-$i" 2> /dev/null; done
  ip link del "$tag" 2> /dev/null
  rm -rf "$scratch"
}
trap clean EXIT
ip netns add "$tag-0" 2> /dev/null || skip "network namespaces may not be made here"
ip link add "$tag" type bridge 2> /dev/null || skip "no bridge can be made here"
ip link set "$tag" up
for i in 0 1 2; do
  [ $i = 0 ] || ip netns add "$tag-$i"
  ip link add "$tag.$i" type veth peer name eth0 netns "$tag-$i" || skip "no veth can be made here"
  ip link set "$tag.$i" master "$tag" up
  ip -n "$tag-$i" addr add "10.213.7.$((i + 1))/24" dev eth0
  ip -n "$tag-$i" link set eth0 up
  ip -n "$tag-$i" link set lo up
done
ip netns exec "$tag-0" ping -c 1 -W 5 10.213.7.3 > /dev/null 2>&1 || command -v ping > /dev/null && sleep 1

# In place of ssh: HOST COMMAND...
cat > "$scratch/agent" << AGENT
#!/usr/bin/env bash
i=\$((\${1##*.} - 1))
shift
exec ip netns exec $tag-\$i unshare --uts bash -c "hostname host-\$i; exec bash -c \"\\\$*\"" agent "\$@"
AGENT
chmod +x "$scratch/agent"
printf '10.213.7.%d slots=1\n' 1 2 3 > "$scratch/hostfile"
hosts() {
  local dir=$1
  shift
  mkdir -p "$dir"
  ip netns exec "$tag-0" unshare --uts bash -c 'hostname host-0; echo $$ > "$1/mpirun.pid"; shift; exec "$@"' host "$dir" \
    mpirun --bind-to none --mca mpi_yield_when_idle 1 --hostfile "$scratch/hostfile" --mca plm_rsh_agent "$scratch/agent" --mca btl tcp,self \
    --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 -n 3 \
    bash -c "$rank_program" rank "$dir" - 0 "$gradus" "$@" > "$dir/out" 2> "$dir/mpirun" < /dev/null
}
run=(--data digits:train=512,test=64 --model mlp:hidden=64 --optim adam:lr=1e-3 --batch-size 48 --steps 120 --save-every 5
  --eval-every 60 --deterministic --quiet)

hosts "$scratch/whole" train "${run[@]}" --out "$scratch/whole/run" || {
  echo "FAILED: no run across three hosts"
  cat "$scratch"/whole/err.* "$scratch/whole/mpirun"
  exit 1
}
echo "a run across three hosts"
"$gradus" train "${run[@]}" --out "$scratch/one" > /dev/null
same_bytes "$scratch/whole/run/model.safetensors" "$scratch/one/model.safetensors"
echo "the same bytes as in one process"

for cut in 2 0; do
  dir=$scratch/cut-$cut
  hosts "$dir" train "${run[@]}" --out "$dir/run" &
  job=$!
  until [ -e "$dir/run/checkpoint.safetensors" ]; do
    sleep 0.05
    kill -0 $job 2> /dev/null || { cat "$dir"/err.* "$dir/mpirun"; exit 1; }
  done
  ip link set "$tag.$cut" down
  began=$(date +%s.%N)
  for i in $(seq 200); do
    [ -e "$dir/code.0" ] && [ -e "$dir/code.1" ] && [ -e "$dir/code.2" ] && break
    sleep 0.1
  done
  for r in 0 1 2; do
    [ -e "$dir/code.$r" ] || { echo "FAILED: host $cut was cut off, and rank $r goes on"; cat "$dir"/err.* "$dir/mpirun"; exit 1; }
    took=$(awk -v a="$began" -v b="$(cat "$dir/ended.$r")" 'BEGIN { printf "%.1f", b - a }')
    lost=$cut
    [ $cut != 0 ] && [ $r = $cut ] && lost=0 # whom the one that is cut off misses
    if [ "$(cat "$dir/code.$r")" != 1 ] || awk -v t="$took" 'BEGIN { exit !(t > 10) }' ||
      { [ $cut != 0 ] && ! grep -q "gradus: rank $lost " "$dir/err.$r"; }; then
      echo "FAILED: host $cut was cut off; rank $r ended with $(cat "$dir/code.$r") after $took s:"
      cat "$dir/err.$r"
      exit 1
    fi
    echo "host $cut cut off: rank $r ended after $took s: $(cat "$dir/err.$r")"
  done
  ip link set "$tag.$cut" up
  # What is left of mpirun waits for the daemon of the host that was away.
  for _ in $(seq 50); do kill -0 $job 2> /dev/null || break; sleep 0.1; done
  kill -9 "$(cat "$dir/mpirun.pid")" 2> /dev/null
  wait $job 2> /dev/null
  hosts "$dir/again" train --resume "$dir/run" --quiet || {
    echo "FAILED: cannot be resumed"
    cat "$dir"/again/err.* "$dir/again/mpirun"
    exit 1
  }
  same_bytes "$scratch/whole/run/model.safetensors" "$dir/run/model.safetensors"
  echo "resumed to the same bytes"
done

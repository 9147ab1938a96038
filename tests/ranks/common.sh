# Sourced by the scripts beside it: ranks of gradus under mpirun, and what became of each.
#   need_mpirun              ends the script with 77 ("skipped") where there is none
#   ranks N DIR ARGS...      gradus ARGS as N ranks; DIR/code.R gets the exit code of rank R, DIR/err.R its stderr

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1 NO_COLOR=1

skip() {
  echo "skipped: $*"
  exit 77
}

need_mpirun() { command -v mpirun > /dev/null || skip "no mpirun here"; }

# What each rank runs: $1 is the folder of its traces, $2 a rank that is killed after $3 seconds ("-": none). The trap
# keeps this shell alive when mpirun ends the others after a loss; gradus has a handler of its own.
export rank_program='
trap "" TERM
dir=$1 victim=$2 after=$3
shift 3
me=$OMPI_COMM_WORLD_RANK
"$@" 2> "$dir/err.$me" &
pid=$!
echo $pid > "$dir/pid.$me"
if [ "$victim" = "$me" ]; then
  sleep "$after"
  date +%s.%N > "$dir/killed"
  kill -9 $pid 2> /dev/null
fi
code=
while wait $pid; code=$?; kill -0 $pid 2> /dev/null; do :; done
echo $code > "$dir/code.$me"
date +%s.%N > "$dir/ended.$me"
exit $code
'
mpi="mpirun --oversubscribe --bind-to none --mca btl_vader_single_copy_mechanism none"

ranks() {
  local n=$1 dir=$2
  shift 2
  mkdir -p "$dir"
  # shellcheck disable=SC2086
  $mpi -n "$n" bash -c "$rank_program" rank "$dir" "${VICTIM:--}" "${AFTER:-0}" "$gradus" "$@" > "$dir/out" 2> "$dir/mpirun"
}

same_bytes() {
  cmp -s "$1" "$2" && return 0
  echo "FAILED: $1 and $2 differ"
  exit 1
}

# Sourced by apps/quickstart.sh and tests/run.sh: makes sure that what gradus is built with is there, and builds it.
#   need_packages          installs what is missing with apt where that is allowed, else says what and how, and stops
#   build_gradus DIR ...   configures (further arguments go to cmake) and builds into DIR

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

packages() { sed -e 's/#.*//' "$root/apps/packages.txt" | awk 'NF && $1 !~ /[?]$/ { print $1 }'; }
wishes() { sed -e 's/#.*//' "$root/apps/packages.txt" | awk 'NF && sub(/[?]$/, "", $1) { print $1 }'; }

missing_of() {
  local package
  for package in "$@"; do
    case $package in
      g++) command -v "${CXX:-g++}" > /dev/null && continue ;;  # any compiler, from wherever
      cmake | curl) command -v "$package" > /dev/null && continue ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || echo "$package"
  done
}

need_packages() {
  if ! command -v dpkg-query > /dev/null; then
    echo "gradus: no dpkg here, so packages are not checked. gradus needs what Debian calls:" >&2
    echo "  $(packages | xargs)" >&2
    return 0
  fi
  local missing wished
  # shellcheck disable=SC2046
  missing=$(missing_of $(packages) | xargs) wished=$(missing_of $(wishes) | xargs)
  [ -z "$missing$wished" ] && return 0
  local as_root=
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo > /dev/null && sudo -n true 2> /dev/null; then as_root="sudo -n"; else as_root=no; fi
  fi
  if [ "$as_root" != no ] && command -v apt-get > /dev/null; then
    local install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends"
    echo "gradus: installing" $missing $wished >&2
    # shellcheck disable=SC2086
    $install $missing $wished > /dev/null 2>&1 && return 0
    $as_root apt-get update -qq > /dev/null 2>&1 && $install $missing $wished > /dev/null 2>&1 && return 0
    # shellcheck disable=SC2086
    [ -z "$missing" ] || $install $missing > /dev/null && missing=
  fi
  [ -z "$missing" ] && return 0
  {
    echo "gradus: these packages are missing and could not be installed from here:"
    echo "  $missing"
    echo "Get them with"
    echo "  sudo apt-get install $missing"
  } >&2
  return 1
}

build_gradus() {
  local dir=$1
  shift
  local generator=()
  # A directory that is configured keeps its generator.
  if [ ! -e "$dir/CMakeCache.txt" ] && command -v ninja > /dev/null; then generator=(-G Ninja); fi
  cmake -S "$root" -B "$dir" "${generator[@]}" "$@" > "$dir.configure.log" 2>&1 || {
    cat "$dir.configure.log" >&2
    return 1
  }
  rm -f "$dir.configure.log"
  cmake --build "$dir" --parallel "$(nproc)" --target ${targets:-all}
}

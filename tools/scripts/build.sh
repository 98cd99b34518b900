#!/usr/bin/env bash
# build.sh - from a clone to build/bin and .venv/bin.
#
# Installs what is missing, and only that: Debian packages through apt-get,
# pinned wheels into .venv through pip. Stamps keep a second run short: with
# nothing missing and no pin changed, neither apt-get nor pip is started.
set -euo pipefail
source "$(dirname "$0")/common.sh"
cd "$root"

packages=(
  # The compiler is built on these, and with these.
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools
  clang-22 lld-22 libomp-22-dev cmake ninja-build ccache g++
  # The importer, the runtime, the BLAS of prefill.
  protobuf-compiler libprotobuf-dev nlohmann-json3-dev libdnnl-dev
  libxxhash-dev zlib1g-dev libzip-dev
  # Tests, style, and the Python side.
  libgtest-dev libonnx-testdata libclang-rt-22-dev clang-format-22
  clang-tidy-22 python3-venv xz-utils
)

# --- The system -------------------------------------------------------------

# The variable is for the test of this very message.
os_release=${DEJAVU_OS_RELEASE:-/etc/os-release}
system=unknown
if [[ -r $os_release ]]; then
  system=$(. "$os_release" && echo "${ID:-unknown} ${VERSION_ID:-}")
fi
[[ $system == "debian 12" ]] ||
  die "this system is '${system% }', and only Debian 12 is known to the build:" \
    "see docs/Contributing.md for building by hand"
[[ $(uname -m) == x86_64 ]] ||
  die "this machine is $(uname -m), and the build knows only x86_64"

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) ||
    status=
  [[ $status == installed ]] || missing+=("$package")
done

# The stamp of .venv: what it was made of. A venv isn't relocatable, so its
# path belongs to it.
python=/usr/bin/python3
venv_stamp() {
  echo "$root $(readlink -f $python)"
  cat python/requirements.txt python/requirements-test.txt \
    python/pyproject.toml | sha256sum
}
venv_ready=no
if [[ -x .venv/bin/dejavu &&
  $(cat .venv/.stamp 2>/dev/null) == "$(venv_stamp)" ]]; then
  venv_ready=yes
fi

# --- What will happen -------------------------------------------------------

if [[ ${#missing[@]} -gt 0 || $venv_ready == no ]]; then
  say "this will be installed first:"
  if [[ ${#missing[@]} -gt 0 ]]; then
    say "  ${#missing[@]} Debian packages and what they need: 380 MB" \
      "to download, 2.4 GB on disk"
    say "  (${missing[*]})"
  fi
  [[ $venv_ready == yes ]] ||
    say "  Python wheels in .venv: 126 MB to download, 480 MB on disk"
  say "the build takes another 0.3 GB; on two cores all of it is done in" \
    "about 12 minutes"
fi

if [[ ${#missing[@]} -gt 0 ]]; then
  [[ $(id -u) -eq 0 ]] ||
    die "Debian packages are missing; as root: apt-get install" \
      "--no-install-recommends ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update >&2 || die "apt-get update failed"
  apt-get -q install -y --no-install-recommends "${missing[@]}" >&2 ||
    die "apt-get install failed for: ${missing[*]}"
fi

if [[ $venv_ready == no ]]; then
  rm -rf .venv
  $python -m venv .venv
  pip=(.venv/bin/python -m pip --disable-pip-version-check -q install)
  "${pip[@]}" -r python/requirements.txt -r python/requirements-test.txt >&2 ||
    die "pip could not install the wheels of python/requirements*.txt"
  "${pip[@]}" --no-deps --no-build-isolation -e python >&2 ||
    die "pip could not install python/"
  venv_stamp >.venv/.stamp
fi

# --- The models of the repository -------------------------------------------

models_stamp=$(cat test/Models/*.tar.xz | sha256sum)
if [[ $(cat build/models/.stamp 2>/dev/null) != "$models_stamp" ]]; then
  rm -rf build/models build/models.tmp
  mkdir -p build/models.tmp
  for archive in test/Models/*.tar.xz; do
    tar -xJf "$archive" --no-same-owner -C build/models.tmp
  done
  .venv/bin/python tools/scripts/float_planes.py unpack build/models.tmp >&2 ||
    die "the models of the repository could not be unpacked"
  echo "$models_stamp" >build/models.tmp/.stamp
  mv build/models.tmp build/models
fi

# --- The build --------------------------------------------------------------

# Paths of this clone are no part of the cache's keys, so that any clone and
# any build folder can share its entries.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
# Python of the build is Debian's, whatever stands first in PATH.
if [[ ! -f build/build.ninja ]]; then
  cmake --preset default -DPython3_EXECUTABLE=$python >build/configure.log 2>&1 ||
    { tail -n 20 build/configure.log >&2; die "cmake failed: build/configure.log"; }
fi
ninja -C build -j "$jobs" >&2 || die "the build failed"

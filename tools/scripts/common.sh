# Sourced by the scripts beside it: where things are, and how they speak.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
llvm=/usr/lib/llvm-22
jobs=${JOBS:-$(nproc)}

say() { echo "dejavu: $*" >&2; }
die() {
  echo "error: $*" >&2
  exit 1
}

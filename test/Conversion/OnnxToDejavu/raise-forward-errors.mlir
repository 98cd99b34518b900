// RUN: dejavu-opt %s --raise-forward --split-input-file --verify-diagnostics

// expected-error@+1 {{expected a function @main of one block}}
module {
}

// -----

func.func @main() {
  return
}
// expected-error@+1 {{expected no symbol @forward yet}}
func.func @forward() {
  return
}

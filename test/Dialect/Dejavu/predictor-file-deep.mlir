// JSON that is nested deeper than the parser's stack is an error at the file, not
// the end of the process.
// RUN: rm -rf %t && %python %S/Inputs/broken_predictors.py %t && cd %t
// RUN: not dejavu-opt %s --dejavu-insert-predictors=file=deep-header.safetensors 2>&1 | FileCheck %s
// RUN: not dejavu-opt %s --dejavu-insert-predictors=file=deep-predictors.safetensors 2>&1 | FileCheck %s

// CHECK: {{^}}deep-{{header|predictors}}.safetensors:0:0: error:

//===- OnnxBase.td - the onnx dialect and what its ops share ---*- tablegen -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialect, its attribute and type constraints, the shape inference
// interface, and the base classes of its ops.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_DIALECT_ONNX_IR_ONNXBASE_TD
#define DEJAVU_DIALECT_ONNX_IR_ONNXBASE_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def OnnxDialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::mlir::onnx";
  let summary = "ONNX operators, one op each";
  let description = [{
    One op for each operator of the default ONNX domain (`ai.onnx`) that the
    importer knows. Names of ops, operands and attributes are those of ONNX,
    and an op means what its operator means in the newest opset: the importer
    rewrites older forms (axes as attributes, the flattening Softmax, ...) when
    it builds them. The dialect lives only between import and the end of raise.

    *Optional operands* that another operand may follow are written as clauses
    after the parentheses, and `operandSegmentSizes` records which are there:

    ```mlir
    %s = onnx.Slice(%x, %starts, %ends) steps(%steps)
        : (tensor<8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>)
        -> tensor<?xf32>
    ```

    Operators of the domain `com.microsoft` have ops too. Their names hold the
    domain (`onnx.com.microsoft.Attention`), which no operator of ONNX has.

    There is no `None` value. Optional results only come last, so an op simply
    has as many results as the node names.

    *Attributes of functions.* An argument or result of a function may carry
    `onnx.name`, the name of the graph input or output, and `onnx.dims`, one
    string for each dimension: a number, a name, an expression, or `"?"`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

//===----------------------------------------------------------------------===//
// Attributes and types
//===----------------------------------------------------------------------===//

/// An `int` of ONNX. Unlike I64Attr it reads as a signed number.
def Onnx_Int : TypedSignlessIntegerAttrBase<I64, "int64_t",
                                            "64-bit integer attribute"> {
  let convertFromStorage = "$_self.getInt()";
}

class Onnx_DefaultInt<string value> : DefaultValuedAttr<Onnx_Int, value>;

/// A flag that ONNX spells as an int.
class Onnx_Flag<string value>
    : ConfinedAttr<Onnx_DefaultInt<value>, [IntMinValue<0>, IntMaxValue<1>]>;

class Onnx_DefaultFloat<string value>
    : DefaultValuedAttr<F32Attr, "::llvm::APFloat(" # value # "f)">;

defvar Onnx_Floats = [F16, BF16, F32, F64];
defvar Onnx_Ints = [I8, I16, I32, I64, UI8, UI16, UI32, UI64];

/// Types that are only converted, quantised and moved.
defvar Onnx_Narrow = [I<2>, UI<2>, I<4>, UI<4>, F8E4M3FN, F8E4M3FNUZ, F8E5M2,
                      F8E5M2FNUZ, F4E2M1FN];

def Onnx_Tensor
    : TensorOf<!listconcat(Onnx_Floats, Onnx_Ints, [I1], Onnx_Narrow)>;
def Onnx_QuantTensor : TensorOf<!listconcat(Onnx_Ints, Onnx_Narrow)>;
def Onnx_IntTensor : TensorOf<Onnx_Ints>;
def Onnx_I32Tensor : TensorOf<[I32]>;
def Onnx_NumTensor : TensorOf<!listconcat(Onnx_Floats, Onnx_Ints)>;
def Onnx_FloatTensor : TensorOf<Onnx_Floats>;
def Onnx_IndexTensor : TensorOf<[I32, I64]>;
def Onnx_I64Tensor : TensorOf<[I64]>;
def Onnx_BoolTensor : TensorOf<[I1]>;

//===----------------------------------------------------------------------===//
// Shape inference
//===----------------------------------------------------------------------===//

def OnnxShapeInference : OpInterface<"OnnxShapeInference"> {
  let cppNamespace = "::mlir::onnx";
  let description = [{
    Finds the types of an op's results from its attributes, the types of its
    operands and, if asked to, the values of operands that are known (a
    Reshape's shape, a Slice's starts). The importer and raise use it. Every
    op of the dialect has it, and its verifier is built on it: an op is valid
    if inference succeeds and each result has a type compatible with the
    inferred one. The verifier does not follow operands to their producers.
  }];
  let methods = [InterfaceMethod<[{
      Appends one type for each result to `types`. Failure means that the op
      is ill-formed, and `error` says why: what was expected and found.
    }],
    "::llvm::LogicalResult", "inferResultTypes",
    (ins "::mlir::onnx::Operands":$operands,
         "::llvm::SmallVectorImpl<::mlir::Type> &":$types,
         "std::string &":$error)>];
  let verify = [{ return ::mlir::onnx::verifyInferredTypes($_op); }];
}

//===----------------------------------------------------------------------===//
// Base classes
//===----------------------------------------------------------------------===//

class Onnx_Op<string mnemonic, list<Trait> traits = []>
    : Op<OnnxDialect, mnemonic,
         !listconcat([Pure, DeclareOpInterfaceMethods<OnnxShapeInference>],
                     traits)> {
  let assemblyFormat = [{
    `(` operands `)` attr-dict `:` functional-type(operands, results)
  }];
}

/// An op whose only result has the type of its only operand.
class Onnx_UnaryOp<string mnemonic, Type operand>
    : Onnx_Op<mnemonic> {
  let arguments = (ins operand:$X);
  let results = (outs operand:$Y);
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferResultTypes(
        ::mlir::onnx::Operands, ::llvm::SmallVectorImpl<::mlir::Type> &types,
        std::string &error) {
      types.push_back(getX().getType());
      return ::mlir::success();
    }
  }];
}

/// An element by element op of two operands that broadcast as in NumPy.
class Onnx_BinaryOp<string mnemonic, Type operand, Type result = operand>
    : Onnx_Op<mnemonic> {
  let arguments = (ins operand:$A, operand:$B);
  let results = (outs result:$C);
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferResultTypes(
        ::mlir::onnx::Operands, ::llvm::SmallVectorImpl<::mlir::Type> &types,
        std::string &error) {
      return ::mlir::onnx::inferBroadcast(getOperation()->getOperands(),
                                          nullptr, types, error);
    }
  }];
}

/// The same with a boolean result.
class Onnx_CompareOp<string mnemonic, Type operand>
    : Onnx_BinaryOp<mnemonic, operand, Onnx_BoolTensor> {
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferResultTypes(
        ::mlir::onnx::Operands, ::llvm::SmallVectorImpl<::mlir::Type> &types,
        std::string &error) {
      return ::mlir::onnx::inferBroadcast(
          getOperation()->getOperands(),
          ::mlir::IntegerType::get(getContext(), 1), types, error);
    }
  }];
}

/// An element by element op of any number of operands that broadcast.
class Onnx_VariadicOp<string mnemonic> : Onnx_Op<mnemonic> {
  let arguments = (ins Variadic<Onnx_NumTensor>:$inputs);
  let results = (outs Onnx_NumTensor:$output);
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferResultTypes(
        ::mlir::onnx::Operands, ::llvm::SmallVectorImpl<::mlir::Type> &types,
        std::string &error) {
      return ::mlir::onnx::inferBroadcast(getOperation()->getOperands(),
                                          nullptr, types, error);
    }
  }];
}

/// A reduction along axes, which are an operand.
class Onnx_ReduceOp<string mnemonic, Type operand> : Onnx_Op<mnemonic> {
  let arguments = (ins operand:$data, Optional<Onnx_I64Tensor>:$axes,
                       Onnx_Flag<"1">:$keepdims,
                       Onnx_Flag<"0">:$noop_with_empty_axes);
  let results = (outs operand:$reduced);
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferResultTypes(
        ::mlir::onnx::Operands operands,
        ::llvm::SmallVectorImpl<::mlir::Type> &types, std::string &error) {
      return ::mlir::onnx::inferReduce(getData(), getAxes(), getKeepdims(),
                                       getNoopWithEmptyAxes(), operands, types,
                                       error);
    }
  }];
}

/// The place of an extreme element along one axis.
class Onnx_ArgOp<string mnemonic> : Onnx_Op<mnemonic> {
  let arguments = (ins Onnx_NumTensor:$data, Onnx_DefaultInt<"0">:$axis,
                       Onnx_Flag<"1">:$keepdims,
                       Onnx_Flag<"0">:$select_last_index);
  let results = (outs Onnx_I64Tensor:$reduced);
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferResultTypes(
        ::mlir::onnx::Operands, ::llvm::SmallVectorImpl<::mlir::Type> &types,
        std::string &error) {
      return ::mlir::onnx::inferArg(getData(), getAxis(), getKeepdims(), types,
                                    error);
    }
  }];
}

#endif // DEJAVU_DIALECT_ONNX_IR_ONNXBASE_TD

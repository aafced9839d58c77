//===- SinterEnums.td - Kinds of the transformer graph's ops --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_ENUMS_TD
#define SINTER_ENUMS_TD

include "mlir/IR/EnumAttr.td"

class Sinter_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::sinter";
}

// The number of operands of each kind, and the types that it takes, are in ElementwiseOps.cpp.
def Sinter_ElementwiseKind : Sinter_Enum<"ElementwiseKind", "elementwise function", [
    // One operand.
    I32EnumAttrCase<"abs", 0>, I32EnumAttrCase<"neg", 1>, I32EnumAttrCase<"exp", 2>, I32EnumAttrCase<"log", 3>,
    I32EnumAttrCase<"sqrt", 4>, I32EnumAttrCase<"reciprocal", 5>, I32EnumAttrCase<"rsqrt", 6>, I32EnumAttrCase<"floor", 7>,
    I32EnumAttrCase<"ceil", 8>, I32EnumAttrCase<"round", 9>, I32EnumAttrCase<"sign", 10>, I32EnumAttrCase<"sin", 11>,
    I32EnumAttrCase<"cos", 12>, I32EnumAttrCase<"tan", 13>, I32EnumAttrCase<"asin", 14>, I32EnumAttrCase<"acos", 15>,
    I32EnumAttrCase<"atan", 16>, I32EnumAttrCase<"sinh", 17>, I32EnumAttrCase<"cosh", 18>, I32EnumAttrCase<"asinh", 19>,
    I32EnumAttrCase<"acosh", 20>, I32EnumAttrCase<"atanh", 21>, I32EnumAttrCase<"tanh", 22>, I32EnumAttrCase<"erf", 23>,
    I32EnumAttrCase<"sigmoid", 24>, I32EnumAttrCase<"softplus", 25>, I32EnumAttrCase<"relu", 26>,
    I32EnumAttrCase<"gelu", 27>, I32EnumAttrCase<"gelu_tanh", 28>, I32EnumAttrCase<"silu", 29>,
    I32EnumAttrCase<"elu", 30>, I32EnumAttrCase<"leaky_relu", 31>, I32EnumAttrCase<"logical_not", 32>,
    I32EnumAttrCase<"is_nan", 33>, I32EnumAttrCase<"is_inf", 34>, I32EnumAttrCase<"bitwise_not", 35>,
    // Two operands.
    I32EnumAttrCase<"add", 50>, I32EnumAttrCase<"sub", 51>, I32EnumAttrCase<"mul", 52>, I32EnumAttrCase<"div", 53>,
    I32EnumAttrCase<"pow", 54>, I32EnumAttrCase<"min", 55>, I32EnumAttrCase<"max", 56>, I32EnumAttrCase<"mod", 57>,
    I32EnumAttrCase<"fmod", 58>, I32EnumAttrCase<"logical_and", 59>, I32EnumAttrCase<"logical_or", 60>,
    I32EnumAttrCase<"logical_xor", 61>, I32EnumAttrCase<"bitwise_and", 62>, I32EnumAttrCase<"bitwise_or", 63>,
    I32EnumAttrCase<"bitwise_xor", 64>, I32EnumAttrCase<"shift_left", 65>, I32EnumAttrCase<"shift_right", 66>,
    I32EnumAttrCase<"equal", 70>, I32EnumAttrCase<"less", 71>, I32EnumAttrCase<"less_equal", 72>,
    I32EnumAttrCase<"greater", 73>, I32EnumAttrCase<"greater_equal", 74>,
    // Three operands.
    I32EnumAttrCase<"select", 90>]>;

def Sinter_ReduceKind : Sinter_Enum<"ReduceKind", "reduction", [
    I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"mean", 1>, I32EnumAttrCase<"max", 2>, I32EnumAttrCase<"min", 3>,
    I32EnumAttrCase<"prod", 4>, I32EnumAttrCase<"sum_squares", 5>, I32EnumAttrCase<"sum_abs", 6>]>;

def Sinter_ArgReduceKind : Sinter_Enum<"ArgReduceKind", "extreme whose position is taken", [
    I32EnumAttrCase<"max", 0>, I32EnumAttrCase<"min", 1>]>;

def Sinter_ScatterKind : Sinter_Enum<"ScatterKind", "what a scatter does with the old element", [
    I32EnumAttrCase<"replace", 0>, I32EnumAttrCase<"add", 1>, I32EnumAttrCase<"mul", 2>, I32EnumAttrCase<"max", 3>,
    I32EnumAttrCase<"min", 4>]>;

def Sinter_PadMode : Sinter_Enum<"PadMode", "what a pad fills with", [
    I32EnumAttrCase<"constant", 0>, I32EnumAttrCase<"reflect", 1>, I32EnumAttrCase<"edge", 2>, I32EnumAttrCase<"wrap", 3>]>;

def Sinter_WeightEncoding : Sinter_Enum<"WeightEncoding", "how a weight's elements lie in its file", [
    I32EnumAttrCase<"raw", 0>, I32EnumAttrCase<"varint", 1>, I32EnumAttrCase<"packed", 2>]>;

def Sinter_RoundMode : Sinter_Enum<"RoundMode", "how a number becomes a power of two", [
    I32EnumAttrCase<"up", 0>, I32EnumAttrCase<"down", 1>, I32EnumAttrCase<"nearest", 2>]>;

#endif // SINTER_ENUMS_TD

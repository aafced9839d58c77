//===- OnnxImporterTest.cpp - Tests of importing ONNX graphs --------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is looked at is the sizes of the outputs, the
// symbols and checks of the module, and the messages: everything that a user
// sees of an import. Values are tested by ONNX's own node cases.
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Failure.h"
#include "python-free-frontends/onnx/Importer.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx-ml.pb.h>

using namespace sinter;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

using Graph = ::onnx::GraphProto;
using Attributes = std::vector<::onnx::AttributeProto>;

/// Graphs are written as sums of their parts.
Graph operator+(Graph a, const Graph &b) {
  a.MergeFrom(b);
  return a;
}

void setType(::onnx::ValueInfoProto &info, const std::string &name, int type) {
  info.set_name(name);
  info.mutable_type()->mutable_tensor_type()->set_elem_type(type);
}
constexpr int f32 = 1, i64 = 7, boolean = 9;
Graph input(const std::string &name, int type, const std::vector<std::string> &dims) {
  Graph graph;
  setType(*graph.add_input(), name, type);
  auto *shape = graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  for (const std::string &dim : dims)
    if (llvm::isDigit(dim[0]))
      shape->add_dim()->set_dim_value(std::stoll(dim));
    else
      shape->add_dim()->set_dim_param(dim);
  return graph;
}
Graph output(const std::string &name, int type) {
  Graph graph;
  setType(*graph.add_output(), name, type);
  return graph;
}
Graph integers(const std::string &name, const std::vector<int64_t> &values) {
  Graph graph;
  ::onnx::TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(i64);
  tensor.add_dims(values.size());
  for (int64_t value : values)
    tensor.add_int64_data(value);
  return graph;
}
/// A scalar of type int64 or bool.
Graph scalar(const std::string &name, int type, int value) {
  Graph graph;
  ::onnx::TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(type);
  if (type == i64)
    tensor.add_int64_data(value);
  else
    tensor.add_int32_data(value);
  return graph;
}
Graph floats(const std::string &name, const std::vector<int64_t> &dims) {
  Graph graph;
  ::onnx::TensorProto &tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(f32);
  int64_t count = 1;
  for (int64_t dim : dims) {
    tensor.add_dims(dim);
    count *= dim;
  }
  tensor.set_raw_data(std::string(count * 4, ' '));
  return graph;
}
/// `op(in, ...) -> out`.
Graph node(const std::string &op, const std::vector<std::string> &inputs, const std::vector<std::string> &outputs,
           const Attributes &attributes = {}, const std::string &domain = "") {
  Graph graph;
  ::onnx::NodeProto &made = *graph.add_node();
  made.set_op_type(op);
  made.set_name("the_" + op);
  made.set_domain(domain);
  for (const std::string &name : inputs)
    made.add_input(name);
  for (const std::string &name : outputs)
    made.add_output(name);
  for (const ::onnx::AttributeProto &attribute : attributes)
    *made.add_attribute() = attribute;
  return graph;
}
::onnx::AttributeProto intAttribute(const std::string &name, int64_t value) {
  ::onnx::AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::INT);
  attribute.set_i(value);
  return attribute;
}
::onnx::AttributeProto graphAttribute(const std::string &name, const Graph &graph) {
  ::onnx::AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::GRAPH);
  *attribute.mutable_g() = graph;
  attribute.mutable_g()->set_name(name);
  return attribute;
}
/// A function of domain 'mine' of one input 'a' and one output 'b'.
::onnx::FunctionProto function(const std::string &name, const Graph &body) {
  ::onnx::FunctionProto made;
  made.set_name(name);
  made.set_domain("mine");
  made.add_input("a");
  made.add_output("b");
  made.add_opset_import()->set_version(18);
  *made.mutable_node() = body.node();
  return made;
}

class OnnxImporterTest : public testing::Test {
protected:
  OnnxImporterTest() : context(mlir::MLIRContext::Threading::DISABLED) {}

  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> import(const Graph &graph, int64_t opset = 18) {
    ::onnx::ModelProto proto;
    proto.set_ir_version(8);
    proto.add_opset_import()->set_version(opset);
    if (!functions.empty()) {
      proto.add_opset_import()->set_version(1);
      proto.mutable_opset_import(1)->set_domain("mine");
    }
    for (const ::onnx::FunctionProto &made : functions)
      *proto.add_functions() = made;
    *proto.mutable_graph() = graph;
    proto.mutable_graph()->set_name("g");
    std::string bytes = proto.SerializeAsString();
    llvm::Expected<sinter::onnx::Model> model =
        sinter::onnx::readModel(MappedFile::fromMemory({bytes.data(), bytes.size()}, "m.onnx"), "");
    if (!model)
      return model.takeError();
    return sinter::onnx::importModel(*model, "m.onnx", "", options, context, warnings);
  }

  /// Imports a graph that must be accepted, and keeps its module.
  void accept(const Graph &graph, int64_t opset = 18) {
    auto result = import(graph, opset);
    if (!result)
      throw std::runtime_error("refused: " + llvm::toString(result.takeError()));
    module = std::move(*result);
  }
  Failure refuse(const Graph &graph, int64_t opset = 18) {
    auto result = import(graph, opset);
    if (result)
      throw std::runtime_error("the graph was accepted");
    return takeFailure(result.takeError());
  }
  mlir::func::FuncOp main() { return module->lookupSymbol<mlir::func::FuncOp>("main"); }
  std::string outputSizes(unsigned i = 0) { return printSizes(getSizes(main().getResultTypes()[i])); }
  std::string inputSizes(unsigned i) { return printSizes(getSizes(main().getArgumentTypes()[i])); }
  /// "seq 1..512", "mask.1 s12 is s21": what is declared of sizes.
  std::vector<std::string> declarations() {
    std::vector<std::string> lines;
    for (SymbolOp symbol : module->getOps<SymbolOp>())
      lines.push_back(symbol.getSymName().str() +
                      (symbol.getHigh() ? " up to " + std::to_string(*symbol.getHigh()) : std::string()));
    for (CheckOp check : module->getOps<CheckOp>())
      lines.push_back((check.getInput() + "." + llvm::Twine(check.getAxis()) + " " + check.getDeclared() + " is " +
                       check.getSize().getSizes()[0].str())
                          .str());
    return lines;
  }
  template <typename Op> unsigned count() {
    unsigned number = 0;
    module->walk([&](Op) { ++number; });
    return number;
  }

  mlir::MLIRContext context;
  ImportOptions options;
  std::vector<::onnx::FunctionProto> functions;
  std::vector<std::string> warnings;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

// Tests that a dimension keeps the name that the file gives it, or gets one from its input, and that what no name can
// hold is replaced.
TEST_F(OnnxImporterTest, DimensionsKeepTheirNames) {
  accept(input("x", f32, {"batch size", "seq"}) + node("Relu", {"x"}, {"y"}) + output("y", f32));
  EXPECT_EQ(outputSizes(), "[batch_size, seq]");
}

// Tests that two symbols that are added are one, that the later one disappears, and that its input is checked.
TEST_F(OnnxImporterTest, BroadcastingTiesSymbols) {
  accept(input("ids", f32, {"s10", "s21"}) + input("mask", f32, {"s10", "s12"}) + node("Add", {"ids", "mask"}, {"y"}) +
         output("y", f32));
  EXPECT_EQ(inputSizes(1), "[s10, s21]");
  EXPECT_THAT(declarations(), ElementsAre("s10", "s21", "mask.1 s12 is s21"));
}

// Tests that what the user bounds keeps its name, wherever it is declared.
TEST_F(OnnxImporterTest, BoundedSymbolsStay) {
  DimOption option;
  option.name = "past";
  option.low = 0;
  option.high = 64;
  options.dims = {option};
  accept(input("mask", f32, {"total"}) + input("cache", f32, {"past"}) + input("rows", f32, {"3"}) +
         node("Concat", {"cache", "rows"}, {"all"}, {intAttribute("axis", 0)}) + node("Add", {"all", "mask"}, {"y"}) +
         output("y", f32));
  EXPECT_EQ(inputSizes(0), "[past + 3]");
  EXPECT_THAT(declarations(), ElementsAre("past up to 64", "mask.0 total is past + 3"));
}

// Tests that a graph that holds for one size only fixes it.
TEST_F(OnnxImporterTest, ReshapeFixesASymbol) {
  accept(input("x", f32, {"batch", "seq"}) + integers("shape", {0, 7, 1}) + node("Reshape", {"x", "shape"}, {"y"}) +
         output("y", f32));
  EXPECT_EQ(outputSizes(), "[batch, 7, 1]");
  EXPECT_THAT(declarations(), ElementsAre("batch", "x.1 seq is 7"));
}

// Tests that the inner sizes of a product are tied, a multiple by its quotient.
TEST_F(OnnxImporterTest, MatmulSolvesForAFactor) {
  accept(input("x", f32, {"n", "4", "heads"}) + input("w", f32, {"32", "5"}) + integers("shape", {0, -1}) +
         node("Reshape", {"x", "shape"}, {"flat"}) + node("MatMul", {"flat", "w"}, {"y"}) + output("y", f32));
  EXPECT_EQ(outputSizes(), "[n, 5]");
  EXPECT_THAT(declarations(), ElementsAre("n", "x.2 heads is 8"));
}

// Tests that sizes that contradict each other are refused with both numbers and the node's name.
TEST_F(OnnxImporterTest, ContradictionNamesBothSizes) {
  Failure failure = refuse(input("a", f32, {"2", "3"}) + input("b", f32, {"4", "5"}) +
                           node("MatMul", {"a", "b"}, {"y"}) + output("y", f32));
  EXPECT_EQ(failure.status, ExitStatus::Unusable);
  EXPECT_EQ(failure.node, "the_MatMul");
  EXPECT_THAT(failure.message, HasSubstr("sizes 3 and 4 differ"));
}

// Tests that the first positions of a table bound the length that asks for them, by a slice and by a gather of a range.
TEST_F(OnnxImporterTest, TablesBoundLengths) {
  Graph length = input("x", f32, {"batch", "seq"}) + node("Shape", {"x"}, {"shape"}) + integers("one", {1}) +
                 integers("zero", {0}) + node("Gather", {"shape", "one"}, {"length"});
  accept(length + floats("table", {512, 4}) + node("Slice", {"table", "zero", "length", "zero"}, {"y"}) +
         output("y", f32));
  EXPECT_EQ(outputSizes(), "[seq, 4]");
  EXPECT_THAT(declarations(), ElementsAre("batch", "seq up to 512"));

  accept(length + floats("table", {64, 4}) + node("Squeeze", {"length", "zero"}, {"end"}) + scalar("from", i64, 0) +
         scalar("by", i64, 1) + node("Range", {"from", "end", "by"}, {"positions"}) +
         node("Gather", {"table", "positions"}, {"y"}) + output("y", f32));
  EXPECT_EQ(outputSizes(), "[seq, 4]");
  EXPECT_THAT(declarations(), ElementsAre("batch", "seq up to 64"));
}

// Tests that a position that is a number asks for a dimension that long, and is refused where that is a smaller number.
TEST_F(OnnxImporterTest, PositionsNeedLengths) {
  accept(input("x", f32, {"batch", "seq"}) + integers("at", {6}) +
         node("Gather", {"x", "at"}, {"y"}, {intAttribute("axis", 1)}) + output("y", f32));
  EXPECT_EQ((*std::next(module->getOps<SymbolOp>().begin())).getLow(), 7);
  Failure failure = refuse(input("x", f32, {"batch", "5"}) + integers("at", {6}) +
                           node("Gather", {"x", "at"}, {"y"}, {intAttribute("axis", 1)}) + output("y", f32));
  EXPECT_THAT(failure.message, HasSubstr("position 6 of 5"));
}

// Tests that a dimension named by an expression of others is that expression.
TEST_F(OnnxImporterTest, ExpressionsAsNames) {
  accept(input("past", f32, {"past_length"}) + input("mask", f32, {"past_length + 1"}) + node("Relu", {"mask"}, {"y"}) +
         node("Relu", {"past"}, {"z"}) + output("y", f32) + output("z", f32));
  EXPECT_EQ(outputSizes(0), "[past_length + 1]");
  EXPECT_THAT(declarations(), ElementsAre("past_length", "mask.0 past_length + 1 is past_length + 1"));
}

// Tests --dim: a fixed size, a bound, a tie by INPUT.AXIS, and a name that no dimension has.
TEST_F(OnnxImporterTest, DimensionOptions) {
  Graph graph = input("a", f32, {"n", "m"}) + input("b", f32, {"k"}) + node("Relu", {"a"}, {"y"}) +
                node("Relu", {"b"}, {"z"}) + output("y", f32) + output("z", f32);
  auto makeOption = [](std::string name, int64_t low, int64_t high) {
    DimOption option;
    option.name = std::move(name);
    option.low = low;
    option.high = high;
    return option;
  };
  DimOption tie;
  tie.name = "b.0";
  tie.tiedTo = "m";
  options.dims = {makeOption("n", 4, 4), makeOption("m", 1, 100), tie};
  accept(graph);
  EXPECT_EQ(outputSizes(0), "[4, m]");
  EXPECT_EQ(outputSizes(1), "[m]");
  EXPECT_THAT(declarations(), ElementsAre("m up to 100", "a.0 n is 4", "b.0 k is m"));

  // The length of a cache that is empty at first.
  options.dims = {makeOption("n", 4, 4), makeOption("m", 0, 100), tie};
  accept(graph);
  EXPECT_THAT(declarations(), ElementsAre("m up to 100", "a.0 n is 4", "b.0 k is m"));

  options.dims = {makeOption("length", 4, 4)};
  Failure failure = refuse(graph);
  EXPECT_EQ(failure.status, ExitStatus::Usage);
  EXPECT_THAT(failure.message, HasSubstr("length"));
  EXPECT_THAT(failure.hint, HasSubstr("n, m, k"));
}

//===----------------------------------------------------------------------===//
// Integers that are known
//===----------------------------------------------------------------------===//

// Tests arithmetic on a shape through every operator that exporters write it with.
TEST_F(OnnxImporterTest, ShapeArithmetic) {
  accept(input("x", f32, {"batch", "seq", "12"}) + node("Shape", {"x"}, {"all"}) + integers("heads", {3}) +
         integers("one", {1}) + integers("two", {2}) + integers("zero", {0}) +
         node("Slice", {"all", "two", "heads"}, {"hidden"}) + node("Div", {"hidden", "heads"}, {"size"}) +
         node("Slice", {"all", "zero", "two"}, {"rows"}) +
         node("Concat", {"rows", "heads", "size"}, {"shape"}, {intAttribute("axis", 0)}) +
         node("Reshape", {"x", "shape"}, {"y"}) + output("y", f32));
  EXPECT_EQ(outputSizes(), "[batch, seq, 3, 4]");
  // Nothing of the arithmetic is left.
  EXPECT_EQ(count<SizesOp>() + count<ElementwiseOp>() + count<ConcatOp>(), 0u);
}

// Tests that a shape given as an input is followed through 0 and -1, and that its elements are declared.
TEST_F(OnnxImporterTest, ShapeAsAnInput) {
  accept(input("x", f32, {"4", "6"}) + input("shape", i64, {"2"}) + node("Reshape", {"x", "shape"}, {"y"}) +
         output("y", f32));
  auto evaluate = [&](int64_t first, int64_t second) {
    std::vector<int64_t> sizes;
    for (const SizeExpr &size : getSizes(main().getResultTypes()[0]))
      sizes.push_back(*size.evaluate(
          [&](llvm::StringRef name) { return std::optional<int64_t>(name == "shape[0]" ? first : second); }));
    return sizes;
  };
  EXPECT_THAT(evaluate(3, 8), ElementsAre(3, 8));
  EXPECT_THAT(evaluate(0, -1), ElementsAre(4, 6));
  EXPECT_THAT(evaluate(-1, 2), ElementsAre(12, 2));
  EXPECT_THAT(declarations(), ElementsAre("shape[0]", "shape[1]"));
}

// Tests a slice whose axes, positions and steps come with each run.
TEST_F(OnnxImporterTest, SliceByInputs) {
  accept(input("x", f32, {"20", "10"}) + input("from", i64, {"1"}) + input("to", i64, {"1"}) +
         input("axes", i64, {"1"}) + input("by", i64, {"1"}) + node("Slice", {"x", "from", "to", "axes", "by"}, {"y"}) +
         output("y", f32));
  auto evaluate = [&](int64_t from, int64_t to, int64_t axis, int64_t by) {
    std::vector<int64_t> sizes;
    for (const SizeExpr &size : getSizes(main().getResultTypes()[0]))
      sizes.push_back(*size.evaluate([&](llvm::StringRef name) {
        return std::optional<int64_t>(name == "from[0]" ? from : name == "to[0]" ? to : name == "axes[0]" ? axis : by);
      }));
    return sizes;
  };
  EXPECT_THAT(evaluate(3, 1000, 0, 1), ElementsAre(17, 10));
  EXPECT_THAT(evaluate(-3, -1, 1, 1), ElementsAre(20, 2));
  EXPECT_THAT(evaluate(20, 0, -2, -3), ElementsAre(7, 10)); // 19, 16, 13, 10, 7, 4, 1
  EXPECT_THAT(evaluate(8, 4, 1, 1), ElementsAre(20, 0));
}

// Tests that a shape that is computed from data is refused by name.
TEST_F(OnnxImporterTest, ShapesFromDataAreRefused) {
  Failure failure = refuse(input("x", f32, {"4"}) + input("table", i64, {"3", "2"}) + integers("row", {1}) +
                           node("Gather", {"table", "row"}, {"shape2"}) + integers("flat", {-1}) +
                           node("Reshape", {"shape2", "flat"}, {"shape"}) + node("Reshape", {"x", "shape"}, {"y"}) +
                           output("y", f32));
  EXPECT_EQ(failure.status, ExitStatus::Unsupported);
  ASSERT_EQ(failure.unsupportedNodes.size(), 1u);
  EXPECT_EQ(failure.unsupportedNodes[0].op, "Reshape");
  EXPECT_THAT(failure.unsupportedNodes[0].reason, HasSubstr("computed from data"));
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

// Tests that all that is unsupported comes at once, the same thing once with a count, and what depends on it not at
// all.
TEST_F(OnnxImporterTest, EverythingUnsupportedAtOnce) {
  Failure failure = refuse(input("x", f32, {"4"}) + node("NonZero", {"x"}, {"a"}) + node("NonZero", {"x"}, {"b"}) +
                           node("Abs", {"a"}, {"c"}) + node("RandomNormalLike", {"x"}, {"d"}) +
                           node("Mine", {"x"}, {"e"}, {}, "com.example") + output("c", i64));
  EXPECT_EQ(failure.status, ExitStatus::Unsupported);
  std::vector<std::string> lines;
  for (const UnsupportedNode &entry : failure.unsupportedNodes)
    lines.push_back(entry.domain + "/" + entry.op + " " + std::to_string(entry.count) + " " + entry.reason);
  EXPECT_THAT(lines,
              ElementsAre(HasSubstr("/NonZero 2"), "/RandomNormalLike 1 random", HasSubstr("com.example/Mine 1")));
}

// Tests that an attribute that no version of the operator has is refused, instead of being passed over.
TEST_F(OnnxImporterTest, UnknownAttributes) {
  Failure failure =
      refuse(input("x", f32, {"4"}) + node("Relu", {"x"}, {"y"}, {intAttribute("leak", 1)}) + output("y", f32));
  ASSERT_EQ(failure.unsupportedNodes.size(), 1u);
  EXPECT_THAT(failure.unsupportedNodes[0].reason, HasSubstr("'leak'"));
}

// Tests operator versions: beyond the newest the model is refused, and an operator that changed is refused by name.
TEST_F(OnnxImporterTest, Versions) {
  Graph graph = input("x", f32, {"4"}) + node("Add", {"x", "x"}, {"y"}) + output("y", f32);
  EXPECT_EQ(refuse(graph, 29).status, ExitStatus::Unsupported);
  Failure failure = refuse(graph, 6);
  ASSERT_EQ(failure.unsupportedNodes.size(), 1u);
  EXPECT_EQ(failure.unsupportedNodes[0].version, 6);
  accept(graph, 7);
}

// Tests that nodes may stand in any order, that a cycle is refused, and a value that two nodes produce.
TEST_F(OnnxImporterTest, OrderOfNodes) {
  accept(input("x", f32, {"4"}) + node("Abs", {"a"}, {"y"}) + node("Relu", {"x"}, {"a"}) + output("y", f32));
  EXPECT_EQ(count<ElementwiseOp>(), 2u);
  EXPECT_EQ(refuse(node("Abs", {"a"}, {"b"}) + node("Abs", {"b"}, {"a"}) + output("a", f32)).status,
            ExitStatus::Unusable);
  EXPECT_THAT(refuse(input("x", f32, {"4"}) + node("Abs", {"x"}, {"y"}) + node("Relu", {"x"}, {"y"}) + output("y", f32))
                  .message,
              HasSubstr("twice"));
}

// Tests that a large initializer is a weight that names its bytes, once for all its uses, and a small one a constant.
TEST_F(OnnxImporterTest, WeightsAndConstants) {
  accept(input("x", f32, {"n", "64"}) + floats("w", {64, 64}) + floats("b", {64}) + floats("unused", {64, 64}) +
         node("MatMul", {"x", "w"}, {"a"}) + node("MatMul", {"a", "w"}, {"c"}) + node("Add", {"c", "b"}, {"y"}) +
         output("y", f32));
  ASSERT_EQ(count<WeightOp>(), 1u);
  WeightOp weight = *module->getOps<WeightOp>().begin();
  EXPECT_EQ(weight.getLength(), 64u * 64 * 4);
  EXPECT_EQ(weight.getEncoding(), WeightEncoding::raw);
  EXPECT_EQ(count<ParameterOp>(), 1u);
  EXPECT_EQ(count<ConstantOp>(), 1u);
}

// Tests that elements of 4 bits stay packed as a weight, and become one to a number as a constant.
TEST_F(OnnxImporterTest, PackedElements) {
  const auto int4 = ::onnx::TensorProto::INT4;
  auto packed = [&](const std::string &name, int64_t size) {
    ::onnx::GraphProto graph;
    auto *tensor = graph.add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(int4);
    tensor->add_dims(size);
    tensor->set_raw_data(std::string((size + 1) / 2, '\x2f')); // -1, 2, -1, 2, ...
    return graph;
  };
  accept(packed("w", 2001) + packed("c", 3) + node("Identity", {"w"}, {"y"}) + node("Identity", {"c"}, {"z"}) +
         output("y", int4) + output("z", int4));
  ASSERT_EQ(count<WeightOp>(), 1u);
  WeightOp weight = *module->getOps<WeightOp>().begin();
  EXPECT_EQ(weight.getLength(), 1001u);
  EXPECT_EQ(weight.getEncoding(), WeightEncoding::packed);
  std::vector<int64_t> elements;
  module->walk([&](ConstantOp constant) {
    for (const llvm::APInt &element : llvm::cast<mlir::DenseElementsAttr>(constant.getValue()).getValues<llvm::APInt>())
      elements.push_back(element.getSExtValue());
  });
  EXPECT_EQ(elements, (std::vector<int64_t>{-1, 2, -1}));
}

// Tests a function of the model: its body takes the call's place, with the call's attributes.
TEST_F(OnnxImporterTest, FunctionsAreInlined) {
  ::onnx::AttributeProto axis;
  axis.set_name("axis");
  axis.set_type(::onnx::AttributeProto::INT);
  axis.set_ref_attr_name("from");
  functions = {function("Flat", node("Flatten", {"a"}, {"flat"}, {axis}) + node("Abs", {"flat"}, {"b"}))};
  functions[0].add_attribute("from");
  accept(input("x", f32, {"n", "4"}) + node("Flat", {"x"}, {"y"}, {intAttribute("from", 2)}, "mine") +
         output("y", f32));
  EXPECT_EQ(outputSizes(), "[4 * n, 1]");
}

// Tests that a function that calls itself is refused.
TEST_F(OnnxImporterTest, RecursionEnds) {
  functions = {function("F", node("F", {"a"}, {"b"}, {}, "mine"))};
  Failure failure = refuse(input("x", f32, {"n"}) + node("F", {"x"}, {"y"}, {}, "mine") + output("y", f32));
  EXPECT_EQ(failure.status, ExitStatus::Unusable);
}

// Tests that a branch whose condition is known takes the node's place, and another is refused.
TEST_F(OnnxImporterTest, BranchesThatAreKnown) {
  Attributes branches = {
      graphAttribute("then_branch", node("Abs", {"x"}, {"t"}) + output("t", f32)),
      graphAttribute("else_branch", node("Exp", {"x"}, {"e"}) + node("Exp", {"e"}, {"e2"}) + output("e2", f32))};
  accept(input("x", f32, {"n"}) + scalar("c", boolean, 0) + node("If", {"c"}, {"y"}, branches) + output("y", f32));
  EXPECT_EQ(count<ElementwiseOp>(), 2u);
  Failure failure =
      refuse(input("x", f32, {"n"}) + input("c", boolean, {}) + node("If", {"c"}, {"y"}, branches) + output("y", f32));
  ASSERT_EQ(failure.unsupportedNodes.size(), 1u);
  EXPECT_EQ(failure.unsupportedNodes[0].op, "If");
}

// Tests that an output may be an input or a constant itself.
TEST_F(OnnxImporterTest, OutputsWithoutNodes) {
  accept(input("x", f32, {"n"}) + integers("c", {1, 2}) + output("x", f32) + output("c", i64));
  EXPECT_EQ(outputSizes(0), "[n]");
  EXPECT_EQ(outputSizes(1), "[2]");
}

// Tests messages about types: in ONNX's words, with nothing of the dialect.
TEST_F(OnnxImporterTest, TypesInMessages) {
  Failure failure =
      refuse(input("a", f32, {"2"}) + input("b", i64, {"2"}) + node("Add", {"a", "b"}, {"y"}) + output("y", f32));
  EXPECT_THAT(failure.message, HasSubstr("element types float and int64 differ"));
  failure = refuse(input("a", i64, {"2"}) + node("Softmax", {"a"}, {"y"}) + output("y", i64));
  EXPECT_THAT(failure.message, HasSubstr("int64"));
  EXPECT_THAT(failure.message, testing::Not(HasSubstr("sinter")));
  failure = refuse(input("a", f32, {"2"}) + node("Abs", {"a"}, {"y"}) + output("y", i64));
  EXPECT_THAT(failure.message, HasSubstr("tensor(int64)"));
}

// Tests that operators that have no strings refuse them by their type's name.
TEST_F(OnnxImporterTest, Strings) {
  // An operator that does not move elements only, though the row exists.
  Failure failure = refuse(input("a", 8, {"2"}) + node("Sum", {"a", "a"}, {"y"}) + output("y", 8));
  ASSERT_EQ(failure.unsupportedNodes.size(), 1u);
  EXPECT_EQ(failure.unsupportedNodes[0].reason, "element type string");
}

} // namespace

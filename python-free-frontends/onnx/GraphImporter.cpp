//===- GraphImporter.cpp - One import of a model's graph ------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "python-free-frontends/onnx/GraphImporter.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace sinter;
using namespace sinter::onnx;

//===----------------------------------------------------------------------===//
// The table of operators
//===----------------------------------------------------------------------===//

/// All rows by domain and name, each list by falling `since`.
static const llvm::StringMap<SmallVector<const OpRow *, 2>> &getTable() {
  static const auto table = [] {
    llvm::StringMap<SmallVector<const OpRow *, 2>> result;
    for (ArrayRef<OpRow> rows : {getCastRows(), getConstantRows(), getShapeRows(), getReshapeRows(), getSliceRows(),
                                 getGatherRows(), getMatmulRows(), getElementwiseRows(), getActivationRows(),
                                 getReductionRows(), getSoftmaxRows(), getNormalizationRows(), getConvolutionRows(),
                                 getEinsumRows(), getPositionRows(), getQuantizationRows(), getScatterRows(), getAttentionRows()})
      for (const OpRow &row : rows)
        result[(row.domain + "." + row.name).str()].push_back(&row);
    for (auto &entry : result)
      llvm::sort(entry.second, [](const OpRow *a, const OpRow *b) { return a->since > b->since; });
    return result;
  }();
  return table;
}

/// Whether an operator of ONNX's own domain takes strings, in that version, for the elements that it moves, compares or
/// casts.
static bool takesStrings(StringRef opType, int64_t version) {
  static const llvm::StringMap<int64_t> since = {{"Cast", 9},
                                                 {"CastLike", 15},
                                                 {"Compress", 9},
                                                 {"Concat", 4},
                                                 {"DepthToSpace", 1},
                                                 {"Equal", 19},
                                                 {"Expand", 8},
                                                 {"Flatten", 9},
                                                 {"Gather", 1},
                                                 {"GatherElements", 11},
                                                 {"GatherND", 11},
                                                 {"Identity", 1},
                                                 {"If", 1},
                                                 {"Pad", 13},
                                                 {"Reshape", 5},
                                                 {"Scatter", 9},
                                                 {"ScatterND", 11},
                                                 {"ScatterElements", 11},
                                                 {"Shape", 1},
                                                 {"Size", 1},
                                                 {"Slice", 1},
                                                 {"SpaceToDepth", 1},
                                                 {"Split", 2},
                                                 {"Squeeze", 1},
                                                 {"Tile", 6},
                                                 {"Transpose", 1},
                                                 {"Unsqueeze", 1},
                                                 {"Where", 9},
                                                 {"ReverseSequence", 10}};
  auto found = since.find(opType);
  return found != since.end() && version >= found->second;
}

/// Why an operator without a row is not supported, where there is more to say.
static StringRef getReason(const Node &node) {
  if (node.domain == "ai.onnx.preview.training" || node.domain == "ai.onnx.training")
    return "training";
  if (!node.domain.empty())
    return "an operator of this domain";
  return llvm::StringSwitch<StringRef>(node.opType)
      .Cases({"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"},
             "random")
      .Cases({"Gradient", "GraphCall", "Adagrad", "Adam", "Momentum", "NegativeLogLikelihoodLoss",
              "SoftmaxCrossEntropyLoss"},
             "training")
      .Cases({"Loop", "Scan", "SequenceMap"}, "a loop")
      .Cases({"StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"}, "strings")
      .Default(node.opType.find("Sequence") != std::string::npos ? "sequences" : "this operator is not supported");
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

GraphImporter::GraphImporter(const Model &model, StringRef fileName, StringRef folder, const ImportOptions &options,
                             MLIRContext &context, Symbols &symbols)
    : model(model), fileName(fileName), folder(folder), options(options), context(context), symbols(symbols),
      builder(&context), diagnostics(&context, [this](Diagnostic &message) {
        // The first says what is wrong; what follows are notes and what others make of it.
        if (diagnostic.empty())
          diagnostic = message.str();
        return success();
      }) {}

std::string sinter::onnx::describeType(mlir::Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return describeType(tensor.getElementType()) + " " + printSizes(getSizes(type));
  for (int32_t i = 1; i <= static_cast<int32_t>(DataType::Int2); ++i)
    if (convertType(static_cast<DataType>(i), type.getContext()) == type)
      return dataTypeName(static_cast<DataType>(i));
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

std::string GraphImporter::takeDiagnostic() {
  StringRef text = diagnostic;
  // "'sinter.concat' op C2: sizes 2 and 3 differ": the dialect's names and numbers mean nothing to a user.
  if (text.consume_front("'sinter."))
    text = text.split("' op ").second;
  if (text.size() > 3 && text[0] == 'C' && llvm::isDigit(text[1]))
    text = text.split(": ").second;
  // "operand #1 must be ranked tensor of ... values whose ..., but got 'tensor<2xf32>'"
  bool isOperand = text.starts_with("operand #");
  if (isOperand)
    text = text.drop_front(std::min(text.size(), text.find("but got ") + 8));
  // Types are quoted.
  std::string result;
  std::string message = text.str(); // reading a type may leave another diagnostic
  SmallVector<StringRef> pieces;
  StringRef(message).split(pieces, '\'');
  for (size_t i = 0; i < pieces.size(); ++i) {
    mlir::Type type = i % 2 && i + 1 < pieces.size() ? parseType(pieces[i], &context) : mlir::Type();
    if (type)
      result += describeType(type) + pieces[++i].str(); // without the quotes
    else
      result += (i ? "'" : "") + pieces[i].str();
  }
  diagnostic.clear();
  return isOperand ? "an input of type " + result : result;
}

void GraphImporter::addUnsupported(const Node &node, int64_t version, const Twine &reason, const Twine &hint) {
  UnsupportedNode entry{node.label(), node.opType, node.domain, version, 1, reason.str(), hint.str()};
  for (UnsupportedNode &other : unsupportedNodes)
    if (other.op == entry.op && other.domain == entry.domain && other.reason == entry.reason) {
      ++other.count;
      return;
    }
  unsupportedNodes.push_back(std::move(entry));
}

LogicalResult GraphImporter::setMalformed(const Twine &message, const Twine &nodeName) {
  if (!failure && !restart) {
    failure.emplace(ExitStatus::Unusable, message.str());
    failure->node = nodeName.str();
  }
  return mlir::failure();
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

std::optional<int64_t> GraphImporter::opsetVersion(StringRef domain, const Scope &scope) const {
  if (scope.function)
    for (const OpsetImport &import : scope.function->opsetImports)
      if (import.domain == domain)
        return import.version;
  return model.opsetVersion(domain);
}

std::optional<Value> GraphImporter::lookUp(StringRef name, Scope &scope, Location loc) {
  for (Scope *place = &scope; place; place = place->outer) {
    auto value = place->values.find(name);
    if (value != place->values.end())
      return value->second;
    auto initializer = place->initializers.find(name);
    if (initializer == place->initializers.end())
      continue;
    std::string reason;
    Value made = importTensor(*initializer->second, NameLoc::get(StringAttr::get(&context, name)), reason);
    if (!made && !failure) {
      Node holder;
      holder.name = name.str();
      holder.opType = "initializer";
      addUnsupported(holder, 0, reason, "");
    }
    place->values[name] = made;
    return made;
  }
  return std::nullopt;
}

LogicalResult GraphImporter::define(StringRef name, Value value, Scope &scope, const Node &node) {
  if (name.empty())
    return success();
  if (scope.initializers.count(name) || !scope.values.try_emplace(name, value).second)
    return setMalformed("'" + name + "' is produced twice", node.label());
  return success();
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

/// The nodes in an order in which each follows those that it needs. Files should
/// have them so, and mostly do. A cycle stays at the end, where it is found.
static SmallVector<const Node *> sortNodes(ArrayRef<Node> nodes) {
  llvm::StringMap<size_t> producer;
  for (auto [i, node] : llvm::enumerate(nodes))
    for (const std::string &output : node.outputs)
      if (!output.empty())
        producer.try_emplace(output, i);
  // What the graphs inside a node need of the names around them is needed by the node.
  std::function<void(const Node &, llvm::function_ref<void(StringRef)>)> forEachInput =
      [&](const Node &node, llvm::function_ref<void(StringRef)> visit) {
        for (const std::string &input : node.inputs)
          visit(input);
        for (const onnx::Attribute &attribute : node.attributes)
          for (const Graph &graph : attribute.graphs) {
            for (const Node &inner : graph.nodes)
              forEachInput(inner, visit);
            for (const ValueInfo &output : graph.outputs)
              visit(output.name);
          }
      };
  SmallVector<SmallVector<size_t, 2>> users(nodes.size());
  SmallVector<unsigned> missing(nodes.size(), 0);
  bool isSorted = true;
  for (auto [i, node] : llvm::enumerate(nodes))
    forEachInput(node, [&, i = i](StringRef input) {
      auto it = producer.find(input);
      if (it == producer.end() || it->second == i)
        return;
      isSorted &= it->second < i;
      users[it->second].push_back(i);
      ++missing[i];
    });
  SmallVector<const Node *> order;
  if (isSorted) {
    for (const Node &node : nodes)
      order.push_back(&node);
    return order;
  }
  SmallVector<bool> taken(nodes.size(), false);
  std::vector<size_t> ready;
  for (size_t i = nodes.size(); i-- > 0;)
    if (missing[i] == 0)
      ready.push_back(i);
  while (!ready.empty()) {
    size_t i = ready.back();
    ready.pop_back();
    taken[i] = true;
    order.push_back(&nodes[i]);
    for (size_t user : llvm::reverse(users[i]))
      if (--missing[user] == 0)
        ready.push_back(user);
  }
  for (auto [i, node] : llvm::enumerate(nodes))
    if (!taken[i])
      order.push_back(&node);
  return order;
}

/// Of all functions together, once they are in place of their calls.
static constexpr uint64_t maxExpandedNodes = 1'000'000;

LogicalResult GraphImporter::importNodes(ArrayRef<Node> nodes, Scope &scope) {
  // Functions may call functions and graphs may hold graphs; a file that nests them deeply is hostile.
  if (++depth > 100)
    return setMalformed("functions or graphs are nested deeper than 100");
  llvm::scope_exit leave([&] { --depth; });
  for (const Node *node : sortNodes(nodes)) {
    // Functions that call functions twice grow without bound.
    if (++numImported > maxExpandedNodes && scope.function)
      return setMalformed("its functions expand to more than " + Twine(maxExpandedNodes) + " nodes");
    if (failed(importNode(*node, scope)))
      return mlir::failure();
  }
  return success();
}

LogicalResult GraphImporter::importNode(const Node &node, Scope &scope) {
  Scope *previous = current;
  current = &scope;
  llvm::scope_exit leave([&] { current = previous; });

  auto makeUnavailable = [&]() -> LogicalResult {
    for (const std::string &output : node.outputs)
      if (failed(define(output, Value(), scope, node)))
        return mlir::failure();
    return success();
  };

  std::string name = node.name.empty() ? node.opType + "_" + std::to_string(node.index) : node.name;
  Location loc = NameLoc::get(StringAttr::get(&context, scope.prefix + name));
  std::optional<int64_t> version = opsetVersion(node.domain, scope);
  const Function *function = model.findFunction(node.domain, node.opType, node.overload);
  const OpRow *row = nullptr;
  bool isSupported = true;
  if (!function) {
    if (!version && node.domain.empty())
      return setMalformed("the model does not say which version of ONNX's operators it uses");
    auto rows = getTable().find((node.domain + "." + node.opType));
    if (rows == getTable().end()) {
      StringRef reason = getReason(node);
      addUnsupported(node, version.value_or(0), reason, "");
      isSupported = false;
    } else {
      auto it = llvm::find_if(rows->second, [&](const OpRow *r) { return r->since <= version.value_or(1); });
      if (it != rows->second.end()) {
        row = *it;
      } else {
        addUnsupported(node, *version, "supported from version " + Twine(rows->second.back()->since) + " on",
                       "convert the model to a newer opset");
        isSupported = false;
      }
    }
  }

  NodeContext context(*this, node, version.value_or(1), loc);
  bool isAvailable = true;
  for (const std::string &input : node.inputs) {
    if (input.empty()) {
      context.operandValues.push_back({});
      continue;
    }
    std::optional<Value> value = lookUp(input, scope, loc);
    if (failure)
      return mlir::failure();
    if (!value)
      return setMalformed("its input '" + input + "' is not defined", node.label());
    isAvailable &= static_cast<bool>(*value);
    context.operandValues.push_back(*value);
  }
  if (!isSupported || !isAvailable)
    return makeUnavailable();
  if (function)
    return importCall(*function, node, scope);
  auto isString = [](Value value) { return value && isa<StringType>(getElementType(value)); };
  if (llvm::any_of(context.operandValues, isString) && !(node.domain.empty() && takesStrings(node.opType, *version))) {
    addUnsupported(node, *version, "element type string", "");
    return makeUnavailable();
  }

  size_t numInputs = context.operandValues.size();
  for (size_t i = 0; i < row->minInputs; ++i)
    if (i >= numInputs || !context.operandValues[i])
      return setMalformed(Twine(row->name) + " has no input " + Twine(i) + ", required at least " +
                              Twine(row->minInputs),
                          node.label());
  if (numInputs > row->maxInputs)
    return setMalformed(Twine(row->name) + " has " + Twine(numInputs) + " inputs, required at most " +
                            Twine(row->maxInputs),
                        node.label());

  context.resultValues.resize(node.outputs.size());
  LogicalResult result = row->import(context);
  if (succeeded(result) && !context.hasFailed())
    result = context.checkAttributesUsed();
  if (failed(result) || context.hasFailed()) {
    if (failure || restart)
      return mlir::failure();
    if (!context.hasFailed())
      return setMalformed("the importer failed without a reason", node.label());
    return makeUnavailable();
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (!node.outputs[i].empty() && !context.resultValues[i]) {
      (void)context.fail("its output " + Twine(i) + " is not supported");
      return makeUnavailable();
    }
    if (failed(define(node.outputs[i], context.resultValues[i], scope, node)))
      return mlir::failure();
  }
  return success();
}

/// A copy of a function's node with the attributes that its caller gives.
static Node bindAttributes(const Node &node, const Function &function, const Node &call) {
  Node bound = node;
  std::function<void(std::vector<onnx::Attribute> &)> bindAll = [&](std::vector<onnx::Attribute> &attributes) {
    std::vector<onnx::Attribute> result;
    for (onnx::Attribute &attribute : attributes) {
      if (!attribute.reference.empty()) {
        const onnx::Attribute *given = call.attribute(attribute.reference);
        if (!given)
          for (const onnx::Attribute &other : function.attributeDefaults)
            if (other.name == attribute.reference)
              given = &other;
        // One that nobody gives is absent, and has the operator's own default.
        if (!given)
          continue;
        std::string name = attribute.name;
        attribute = *given;
        attribute.name = name;
      } else {
        for (Graph &graph : attribute.graphs)
          for (Node &inner : graph.nodes)
            bindAll(inner.attributes);
      }
      result.push_back(std::move(attribute));
    }
    attributes = std::move(result);
  };
  bindAll(bound.attributes);
  return bound;
}

LogicalResult GraphImporter::importCall(const Function &function, const Node &node, Scope &scope) {
  Scope inner;
  inner.function = &function;
  inner.prefix = scope.prefix + (node.name.empty() ? node.opType + "_" + std::to_string(node.index) : node.name) + "/";
  if (node.inputs.size() > function.inputs.size() || node.outputs.size() > function.outputs.size())
    return setMalformed("a call with " + Twine(node.inputs.size()) + " inputs and " + Twine(node.outputs.size()) +
                            " outputs of a function with " + Twine(function.inputs.size()) + " and " +
                            Twine(function.outputs.size()),
                        node.label());
  llvm::StringSet<> leftOut;
  for (auto [i, name] : llvm::enumerate(function.inputs)) {
    if (i < node.inputs.size() && !node.inputs[i].empty()) {
      if (failed(define(name, *lookUp(node.inputs[i], scope, UnknownLoc::get(&context)), inner, node)))
        return mlir::failure();
    } else {
      leftOut.insert(name);
    }
  }
  // The nodes must outlive the import, as constants are remembered by their tensor.
  auto body = std::make_unique<std::vector<Node>>();
  for (const Node &original : function.nodes) {
    Node bound = bindAttributes(original, function, node);
    for (std::string &input : bound.inputs)
      if (leftOut.contains(input))
        input.clear();
    body->push_back(std::move(bound));
  }
  boundBodies.push_back(std::move(body));
  if (failed(importNodes(*boundBodies.back(), inner)))
    return mlir::failure();
  for (auto [i, output] : llvm::enumerate(node.outputs)) {
    if (output.empty())
      continue;
    std::optional<Value> value = lookUp(function.outputs[i], inner, UnknownLoc::get(&context));
    if (!value)
      return setMalformed("function '" + function.name + "' does not produce its output '" + function.outputs[i] + "'",
                          node.label());
    if (failed(define(output, *value, scope, node)))
      return mlir::failure();
  }
  return success();
}

FailureOr<SmallVector<Value>> GraphImporter::importInnerGraph(const Graph &graph, NodeContext &node) {
  Scope inner;
  inner.outer = current;
  inner.function = current->function;
  inner.prefix = current->prefix;
  for (const Tensor &tensor : graph.initializers)
    inner.initializers[tensor.name] = &tensor;
  if (!graph.inputs.empty())
    return (void)node.malformed("a branch has inputs"), mlir::failure();
  if (failed(importNodes(graph.nodes, inner)))
    return node.hasFailedAlready = true, mlir::failure();
  SmallVector<Value> results;
  for (const ValueInfo &output : graph.outputs) {
    std::optional<Value> value = lookUp(output.name, inner, node.getLoc());
    if (!value)
      return (void)node.malformed("a branch does not produce its output '" + output.name + "'"), mlir::failure();
    // Unavailable: what is not supported in the branch is listed already.
    if (!*value)
      return node.hasFailedAlready = true, mlir::failure();
    results.push_back(*value);
  }
  return results;
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

llvm::Error GraphImporter::importInputs() {
  SmallVector<mlir::Type> types;
  SmallVector<DictionaryAttr> attributes;
  size_t next = 0;
  for (const ValueInfo &info : model.graph.inputs) {
    if (global.initializers.count(info.name))
      continue; // up to IR version 3; later a default value, which is taken
    const Symbols::Input &input = symbols.getInputs()[next++];
    types.push_back(getTensorType(symbols.getSizes(input), convertType(info.type.elementType, &context)));
    attributes.push_back(
        builder.getDictionaryAttr(builder.getNamedAttr("sinter.name", builder.getStringAttr(info.name))));
  }
  builder.setInsertionPointToEnd(module->getBody());
  main = func::FuncOp::create(builder, module->getLoc(), "main", builder.getFunctionType(types, {}));
  main.setAllArgAttrs(attributes);
  Block *body = main.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  next = 0;
  for (const ValueInfo &info : model.graph.inputs) {
    if (global.initializers.count(info.name))
      continue;
    BlockArgument argument = body->getArgument(next++);
    argument.setLoc(NameLoc::get(builder.getStringAttr(info.name)));
    if (!global.values.try_emplace(info.name, argument).second)
      return unusable("two inputs are named '" + info.name + "'");
  }
  return llvm::Error::success();
}

llvm::Error GraphImporter::importOutputs() {
  SmallVector<mlir::Type> types;
  SmallVector<mlir::Attribute> attributes;
  for (const ValueInfo &info : model.graph.outputs) {
    std::optional<Value> value = lookUp(info.name, global, module->getLoc());
    if (!value)
      return unusable("the graph does not produce its output '" + info.name + "'");
    if (!*value) {
      outputs.clear();
      return llvm::Error::success(); // the list of unsupported nodes says why
    }
    if (info.type.kind == onnx::Type::Kind::Tensor && info.type.elementType != DataType::Undefined &&
        convertType(info.type.elementType, &context) != getElementType(*value)) {
      return unusable("output '" + info.name + "' is " + info.type.str() + " in the file, and " +
                      describeType(getElementType(*value)) + " by its nodes");
    }
    readValues.insert(*value);
    outputs.push_back(*value);
    types.push_back(value->getType());
    attributes.push_back(
        builder.getDictionaryAttr(builder.getNamedAttr("sinter.name", builder.getStringAttr(info.name))));
  }
  func::ReturnOp::create(builder, module->getLoc(), outputs);
  main.setFunctionType(builder.getFunctionType(main.getArgumentTypes(), types));
  main.setResAttrsAttr(builder.getArrayAttr(attributes));
  return llvm::Error::success();
}

void GraphImporter::eraseDeadOps() {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  llvm::StringSet<> used;
  main.walk([&](ParameterOp op) { used.insert(op.getWeight()); });
  for (WeightOp weight : llvm::make_early_inc_range(module->getOps<WeightOp>()))
    if (!used.contains(weight.getSymName()))
      weight.erase();
}

/// Every symbol that the program's sizes have.
static llvm::StringSet<> collectSymbols(ModuleOp module) {
  llvm::StringSet<> names;
  mlir::AttrTypeWalker walker;
  walker.addWalk([&](DimsAttr dims) {
    for (const SizeExpr &size : dims.getSizes())
      size.forEachSymbol([&](StringRef name) { names.insert(name); });
  });
  module.walk([&](Operation *op) {
    walker.walk(op->getAttrDictionary());
    for (mlir::Type type : op->getResultTypes())
      walker.walk(type);
  });
  return names;
}

void GraphImporter::freeUnreadInputs() {
  SmallVector<BlockArgument> unread;
  llvm::StringSet<> declared;
  auto setType = [&](BlockArgument argument, mlir::Type type) {
    argument.setType(type);
    main.setFunctionType(
        builder.getFunctionType(main.getBody().front().getArgumentTypes(), main.getFunctionType().getResults()));
  };
  for (BlockArgument argument : main.getArguments()) {
    if (!readValues.contains(argument)) {
      unread.push_back(argument);
      setType(argument, getTensorType({}, getElementType(argument)));
      continue;
    }
    for (const SizeExpr &size : symbols.getInputs()[argument.getArgNumber()].declared)
      if (std::optional<StringRef> symbol = size.asSymbol())
        declared.insert(*symbol);
  }
  llvm::StringSet<> used = collectSymbols(*module);
  for (BlockArgument argument : unread) {
    const Symbols::Input &input = symbols.getInputs()[argument.getArgNumber()];
    // Where a size of the program is this input's, and no other's that is read, it is read after all.
    bool isRead = llvm::any_of(input.declared, [&](const SizeExpr &size) {
      std::optional<StringRef> symbol = size.asSymbol();
      return symbol && used.contains(*symbol) && !declared.contains(*symbol);
    });
    if (!isRead) {
      main.setArgAttr(argument.getArgNumber(), "sinter.any_shape", builder.getUnitAttr());
      continue;
    }
    setType(argument, getTensorType(symbols.getSizes(input), getElementType(argument)));
    for (const SizeExpr &size : input.declared)
      if (std::optional<StringRef> symbol = size.asSymbol())
        declared.insert(*symbol);
  }
}

/// A name for the module, without what MLIR would have to quote.
static std::string makeModuleName(StringRef name) {
  std::string result;
  for (char c : name)
    result += llvm::isAlnum(c) || c == '_' ? c : '_';
  if (result.empty() || llvm::isDigit(result[0]))
    result = "model_" + result;
  return result;
}

llvm::Expected<std::optional<OwningOpRef<ModuleOp>>> GraphImporter::run() {
  symbols.startImport();
  module = ModuleOp::create(FileLineColLoc::get(&context, fileName, 0, 0), makeModuleName(model.graph.name));
  files.push_back(fileName);
  for (const Symbols::Input &input : symbols.getInputs())
    for (const SizeExpr &size : input.declared)
      if (std::optional<StringRef> symbol = size.asSymbol())
        symbolNames.insert(*symbol);
  symbolNames.insert("main");

  for (const Tensor &tensor : model.graph.initializers)
    if (!global.initializers.try_emplace(tensor.name, &tensor).second)
      return unusable("two initializers are named '" + tensor.name + "'");
  if (llvm::Error error = importInputs())
    return error;
  for (const UnsupportedPart &part : model.unsupported)
    unsupportedNodes.push_back({part.what, "initializer", "", 0, 1, part.reason, part.hint});
  LogicalResult result = importNodes(model.graph.nodes, global);
  if (restart)
    return std::nullopt;
  if (failure)
    return llvm::make_error<Failure>(std::move(*failure));
  if (failed(result))
    return internalError("the import ended without a reason");
  if (llvm::Error error = importOutputs())
    return error;
  if (failure)
    return llvm::make_error<Failure>(std::move(*failure));
  if (!unsupportedNodes.empty())
    return unsupported(std::move(unsupportedNodes));

  eraseDeadOps();
  freeUnreadInputs();
  SmallVector<bool> anyShape;
  for (unsigned i = 0; i < main.getNumArguments(); ++i)
    anyShape.push_back(static_cast<bool>(main.getArgAttr(i, "sinter.any_shape")));
  if (llvm::Error error = symbols.emit(*module, anyShape))
    return error;
  SmallVector<StringRef> names(files.begin(), files.end());
  (*module)->setAttr("sinter.files", builder.getStrArrayAttr(names));
  if (failed(verify(*module)))
    return internalError("the imported module is not valid: " + takeDiagnostic());
  return std::optional<OwningOpRef<ModuleOp>>(std::move(module));
}

//===- Passes.td - Passes on the transformer graph --------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TRANSFORMS_PASSES_TD
#define SINTER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyGraphPass : Pass<"sinter-verify-graph", "::mlir::ModuleOp"> {
  let summary = "Checks what a phase up to fused promises of the graph.";
  let description = [{
    Ends each phase in which the program is a graph of `sinter` ops; `phase` says which. Changes nothing; what does not
    hold is an error. From phase `imported` on:

    - P1: there is one function `main`, with a body, and its arguments and results have names (`sinter.name`); an argument
      that a run may give in any shape (`sinter.any_shape`) is a scalar here and not used, and one whose value is the session's
      (`sinter.session`) a scalar of i64;
    - P2: every op in it is of the `sinter` dialect;
    - P3: every symbol of a size is declared by a `sinter.symbol`, whose input exists and has that axis or element;
    - P4: every `sinter.check` names an input and an axis that exist;
    - P5: every `sinter.weight` lies in a file of `sinter.files`;
    - P8: no state is updated twice.

    From phase `canonical` on, too:

    - P6: every value is used: what nothing reads was removed.

    In phase `fused`, too:

    - P7: what does not follow from weights and constants alone is computed in a `sinter.kernel`.

    Example:

    ```mlir
    module attributes {sinter.files = ["model.onnx"], sinter.phase = "imported"} {
      sinter.symbol @seq axis "ids" 0 {low = 1 : i64}
      func.func @main(%ids: tensor<?xi64, #sinter.dims<"seq">> {sinter.name = "ids"})
          -> (tensor<?xi64, #sinter.dims<"seq">> {sinter.name = "out"}) {
        return %ids : tensor<?xi64, #sinter.dims<"seq">>
      }
    }
    ```
  }];
  let options = [Option<"phase", "phase", "std::string", /*default=*/"\"imported\"",
                        "the phase that ends: imported, canonical, quantized, sparse or fused">];
}

def SimplifyArithmeticPass : Pass<"sinter-simplify-arithmetic", "::mlir::ModuleOp"> {
  let summary = "Fold small constants and drop arithmetic that does nothing";
  let description = [{
    Requires phase `imported`. Ensures that elementwise functions of constants of at most 1024 floats are constants
    (computed in double, rounded once), that no operand is neutral (x + 0, x * 1, x and true, select of a known
    condition), that 1 / sqrt(x) is `rsqrt`, a square is a product, and that casts which are undone are gone. Refuses
    what would change a value by more than the rounding of one op: a division by a constant that is no power of two
    stays.

    Before and after:

    ```mlir
    %0 = sinter.elementwise sqrt(%a) : (tensor<2x1xf32>) -> tensor<2x1xf32>
    %1 = sinter.elementwise div(%one, %0) : (tensor<f32>, tensor<2x1xf32>) -> tensor<2x1xf32>
    %2 = sinter.elementwise add(%1, %zero) : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>

    %0 = sinter.elementwise rsqrt(%a) : (tensor<2x1xf32>) -> tensor<2x1xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numFolded", "folded", "Functions of constants that became constants">,
                    Statistic<"numDropped", "dropped", "Functions that were one of their operands">];
}

def SimplifyIndicesPass : Pass<"sinter-simplify-indices", "::mlir::ModuleOp"> {
  let summary = "Turn index arithmetic into rearrangements";
  let description = [{
    Requires phase `imported`. Finds the elements of integer and truth tensors as expressions of their positions and of
    sizes. Ensures that those which are one number everywhere are a constant, and that a gather whose positions run
    along dimensions of its result is a slice with its dimensions reordered and repeated. Refuses (leaves) positions
    that are not shown to be within the data for all sizes within their bounds.

    Before and after:

    ```mlir
    %r = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"seq">>
    %0 = sinter.gather %table[%r] axis 0
        : (tensor<512x8xf32>, tensor<?xi64, #sinter.dims<"seq">>) -> tensor<?x8xf32, #sinter.dims<"seq", "8">>

    %0 = sinter.slice %table starts <"0", "0"> steps <"1", "1">
        : tensor<512x8xf32> -> tensor<?x8xf32, #sinter.dims<"seq", "8">>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numFolded", "folded", "Tensors of positions that became one number">,
                    Statistic<"numGathers", "gathers", "Gathers that became slices">];
}

def SimplifyShapesPass : Pass<"sinter-simplify-shapes", "::mlir::ModuleOp"> {
  let summary = "Move rearrangements to where they meet and vanish";
  let description = [{
    Requires phase `imported`. Ensures that no elementwise op, cast, reshape of unit dimensions, transpose or index of a
    gather reads a broadcast: what is equal along a dimension is computed once and repeated afterwards, which
    elementwise ops do by themselves (masks stay [batch, 1, 1, keys]). A product of rows whose operand and result are
    reshaped keeps the leading dimensions instead, and products, softmax and functions of tensors whose batch and heads
    were merged work on both apart. Refuses nothing.

    Before and after:

    ```mlir
    %0 = sinter.broadcast %mask : tensor<2x1x1x7xf32> -> tensor<2x4x7x7xf32>
    %1 = sinter.elementwise add(%scores, %0) : (tensor<2x4x7x7xf32>, tensor<2x4x7x7xf32>) -> tensor<2x4x7x7xf32>

    %1 = sinter.elementwise add(%scores, %mask) : (tensor<2x4x7x7xf32>, tensor<2x1x1x7xf32>) -> tensor<2x4x7x7xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numSunk", "sunk", "Elementwise ops whose operands were broadcasts">];
}

def RecognizeNormsPass : Pass<"sinter-recognize-norms", "::mlir::ModuleOp"> {
  let summary = "Recognize layer and RMS normalization in their formulas";
  let description = [{
    Requires the forms of `sinter-simplify-arithmetic`. Ensures that x divided by the root of its mean square and an
    epsilon is one `sinter.rms_norm`, or `sinter.layer_norm` of y where x is y less its mean; a scale behind it, and a
    bias behind a layer norm, are its operands. Refuses means over other than the last dimensions, and norms without
    epsilon.

    Before and after:

    ```mlir
    %0 = sinter.elementwise mul(%x, %x) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
    %1 = sinter.reduce mean %0 [1] {keep_dims} : tensor<2x8xf32> -> tensor<2x1xf32>
    %2 = sinter.elementwise add(%1, %epsilon) : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
    %3 = sinter.elementwise rsqrt(%2) : (tensor<2x1xf32>) -> tensor<2x1xf32>
    %4 = sinter.elementwise mul(%x, %3) : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
    %5 = sinter.elementwise mul(%scale, %4) : (tensor<8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>

    %5 = sinter.rms_norm %x scale %scale axis 1 epsilon 1.0e-6 : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numLayerNorms", "layer-norms", "Layer norms that were recognized">,
                    Statistic<"numRmsNorms", "rms-norms", "RMS norms that were recognized">];
}

def RecognizeActivationsPass : Pass<"sinter-recognize-activations", "::mlir::ModuleOp"> {
  let summary = "Recognize GELU, SiLU and the sigmoid in their formulas";
  let description = [{
    Requires the forms of `sinter-simplify-arithmetic`. Ensures that GELU by erf or tanh, its factors in any order and
    its polynomial however it is multiplied out, is `gelu` or `gelu_tanh`; that x sigmoid(x) is `silu`; that 1 / (1 +
    exp(-x)) is `sigmoid`. Refuses other coefficients: x sigmoid(1.702 x) stays.

    Before and after:

    ```mlir
    %0 = sinter.elementwise sigmoid(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
    %1 = sinter.elementwise mul(%x, %0) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>

    %1 = sinter.elementwise silu(%x) : (tensor<2x8xf32>) -> tensor<2x8xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numGelus", "gelus", "GELUs that were recognized">,
                    Statistic<"numSilus", "silus", "SiLUs that were recognized">];
}

def RecognizeRotaryPass : Pass<"sinter-recognize-rotary", "::mlir::ModuleOp"> {
  let summary = "Recognize rotary position embedding in its formula";
  let description = [{
    Requires the forms of `sinter-simplify-shapes`. Ensures that x cos + rotate_half(x) sin is one `sinter.rotary` with
    the cosines and sines of half the size, and that elements which are joined to it unrotated are part of its operand.
    Refuses cosines and sines whose halves are not shown to be equal.

    Before and after:

    ```mlir
    %f = sinter.concat 1 (%angles, %angles) : (tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<7x8xf32>
    %c = sinter.elementwise cos(%f) : (tensor<7x8xf32>) -> tensor<7x8xf32>
    %s = sinter.elementwise sin(%f) : (tensor<7x8xf32>) -> tensor<7x8xf32>
    // rotated = concat(-x[4:], x[:4])
    %0 = sinter.elementwise mul(%x, %c) : (tensor<2x7x8xf32>, tensor<7x8xf32>) -> tensor<2x7x8xf32>
    %1 = sinter.elementwise mul(%rotated, %s) : (tensor<2x7x8xf32>, tensor<7x8xf32>) -> tensor<2x7x8xf32>
    %2 = sinter.elementwise add(%0, %1) : (tensor<2x7x8xf32>, tensor<2x7x8xf32>) -> tensor<2x7x8xf32>

    %c = sinter.elementwise cos(%angles) : (tensor<7x4xf32>) -> tensor<7x4xf32>
    %s = sinter.elementwise sin(%angles) : (tensor<7x4xf32>) -> tensor<7x4xf32>
    %2 = sinter.rotary %x cos %c sin %s : (tensor<2x7x8xf32>, tensor<7x4xf32>, tensor<7x4xf32>) -> tensor<2x7x8xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numRecognized", "recognized", "Rotary embeddings that were recognized">];
}

def FuseAttentionPass : Pass<"sinter-fuse-attention", "::mlir::ModuleOp"> {
  let summary = "Recognize attention in its formula";
  let description = [{
    Requires broadcasts that have sunk (`sinter-simplify-shapes`). Ensures that a product of query and key, scaled
    anywhere, with biases and masks added or selected, its softmax and the product with the values are one
    `sinter.attention` on operands [batch, sequence, heads, size]; heads that are repeated for grouped queries are read
    where they are. A mask that selects between scores and a number of at most -1e30 becomes a bias: adding that number
    gives the number itself. A mask that is nothing but "not the keys after the query", by computed positions, becomes
    `causal`.

    Refuses masks by other numbers, a guard against NaN where a row may see no key, probabilities that are read
    elsewhere, and factors of several batches or heads.

    Before and after (with transposes to [2, 7, 4, 16] around it):

    ```mlir
    %0 = sinter.matmul %q, %k : (tensor<2x4x7x16xf32>, tensor<2x4x16x7xf32>) -> tensor<2x4x7x7xf32>
    %1 = sinter.elementwise mul(%0, %quarter) : (tensor<2x4x7x7xf32>, tensor<f32>) -> tensor<2x4x7x7xf32>
    %2 = sinter.softmax %1 axis 3 : tensor<2x4x7x7xf32>
    %3 = sinter.matmul %2, %v : (tensor<2x4x7x7xf32>, tensor<2x4x7x16xf32>) -> tensor<2x4x7x16xf32>

    %3 = sinter.attention %q1, %k1, %v1 scale 0.25
        : (tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>, tensor<2x7x4x16xf32>) -> tensor<2x7x4x16xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numFused", "fused", "Attentions that were recognized">];
}

def QuantizePass : Pass<"sinter-quantize", "::mlir::ModuleOp"> {
  let summary = "Products by weights become products of codes";
  let description = [{
    Requires phase `canonical`. Ensures that every product of something that a run computes with a matrix that follows from
    weights is of the scheme's bits: a `sinter.quantized_matmul`, or, where activations stay in float (w8a16, w4a16), a product by a
    `sinter.dequantize`. The codes of weights are ops on weights, carried out when the artifact is written: the nearest codes,
    or with 4 bits and second moments in the calibration `sinter.gptq`. Activations get one scale (static) or one for each row
    (dynamic): as the scheme says, else static where that loses hardly more. With weights of 8 bits channels are equalized where
    that lessens the error (SmoothQuant): both is decided by the products' error on rows that calibration kept. Without a scheme
    it does nothing. Refuses static scales for what calibration has not seen.

    Before and after, with w8a8:

    ```mlir
    %0 = sinter.matmul %x, %w : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32>

    %s = sinter.choose_scale %w for !sinter.quantized<i8:f32, blocks [0, 1]> : tensor<8x4xf32> -> tensor<1x4xf32>
    %q = sinter.quantize %w scale %s
        : (tensor<8x4xf32>, tensor<1x4xf32>) -> tensor<8x4x!sinter.quantized<i8:f32, blocks [0, 1]>>
    %t = sinter.choose_scale %x for !sinter.quantized<i8:f32, blocks [1, 0]> : tensor<7x8xf32> -> tensor<7x1xf32>
    %r = sinter.quantize %x scale %t {reciprocal}
        : (tensor<7x8xf32>, tensor<7x1xf32>) -> tensor<7x8x!sinter.quantized<i8:f32, blocks [1, 0]>>
    %0 = sinter.quantized_matmul %r scale %t, %q scale %s
        : (tensor<7x8x!sinter.quantized<i8:f32, blocks [1, 0]>>, tensor<7x1xf32>,
           tensor<8x4x!sinter.quantized<i8:f32, blocks [0, 1]>>, tensor<1x4xf32>) -> tensor<7x4xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let options = [Option<"scheme", "scheme", "std::string", /*default=*/"\"\"", "w8a8, w4a16g128, ...; none: nothing changes">,
                 Option<"calibration", "calibration", "std::string", /*default=*/"\"\"",
                        "the calibration.json that --calibrate wrote">];
  let statistics = [Statistic<"numMatmuls", "matmuls", "Products that became products of codes">,
                    Statistic<"numStatic", "static", "Activations with one scale">,
                    Statistic<"numDynamic", "dynamic", "Activations with a scale for each row">,
                    Statistic<"numEqualized", "equalized", "Activations whose channels were equalized">];
}

def RecognizeQuantizedPass : Pass<"sinter-recognize-quantized", "::mlir::ModuleOp"> {
  let summary = "Products of dequantized values become products of codes";
  let description = [{
    Requires phase `canonical`. Ensures that a product of activations of 8 bits by weights of 8 bits or fewer, which a model
    that came quantized writes as a product of their dequantized values (QDQ) or as a product of integers that is cast to f32
    (MatMulInteger), is a `sinter.quantized_matmul`. Conversions move over transposes and, with one scale, reshapes to their
    products. Refuses (leaves as they are) products whose scales do not lie as rows and columns.

    Before and after:

    ```mlir
    %0 = sinter.dequantize %a scale %s : (tensor<2x8x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x8xf32>
    %1 = sinter.dequantize %b scale %t : (tensor<8x4x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<8x4xf32>
    %2 = sinter.matmul %0, %1 : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>

    %2 = sinter.quantized_matmul %a scale %s, %b scale %t
        : (tensor<2x8x!sinter.quantized<i8:f32>>, tensor<f32>, tensor<8x4x!sinter.quantized<i8:f32>>, tensor<f32>) -> tensor<2x4xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numRecognized", "recognized", "Products of codes that were recognized">];
}

def ObserveActivationsPass : Pass<"sinter-observe-activations", "::mlir::ModuleOp"> {
  let summary = "Make results of what products by weights read";
  let description = [{
    For calibration: requires phase `canonical` or later up to `sparse`. Appends to the results of @main each tensor that
    products by weights read, once, in the order of the first of these products. The module's attribute `sinter.observed`
    has the products' names for each: those of their nodes, which the quantization of the same model finds again. Of products of
    codes it is the codes, as plain integers. A module without products by weights gets an empty list, and nothing else changes.

    Before and after:

    ```mlir
    %0 = sinter.matmul %x, %w : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32> loc("query")
    return %0 : tensor<7x4xf32>

    // module attributes {sinter.observed = [["query"]]}
    %0 = sinter.matmul %x, %w : (tensor<7x8xf32>, tensor<8x4xf32>) -> tensor<7x4xf32> loc("query")
    return %0, %x : tensor<7x4xf32>, tensor<7x8xf32>
    ```
  }];
  let statistics = [Statistic<"numObserved", "observed", "Tensors that became results">];
}

def PruneWeightsPass : Pass<"sinter-prune-weights", "::mlir::ModuleOp"> {
  let summary = "Put zeros in the weights of products, on request";
  let description = [{
    Requires phase `canonical`: what is quantized later is pruned before. Ensures that each matrix that follows from weights and
    is the right-hand side of a product has the pattern of zeros that was asked for, by magnitude, or, with a calibration, by
    magnitude times the norms of the channels that it is multiplied with. A weight of several products is pruned once, by the
    norms over all that they read. No weight is read: the pruning is part of the recipe. Without a pattern (`auto`, `none`) it
    does nothing. Refuses a calibration that has not seen what a product reads.

    Before and after, with `pattern=block16x16:75`:

    ```mlir
    %0 = sinter.matmul %x, %w : (tensor<7x64xf32>, tensor<64x32xf32>) -> tensor<7x32xf32>

    %p = sinter.prune %w block [16, 16] keep 2 : tensor<64x32xf32>
    %0 = sinter.matmul %x, %p : (tensor<7x64xf32>, tensor<64x32xf32>) -> tensor<7x32xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let options = [Option<"pattern", "pattern", "std::string", /*default=*/"\"auto\"",
                        "auto, none, blockRxC:PERCENT or N:M (SparsityPattern.h)">,
                 Option<"calibration", "calibration", "std::string", /*default=*/"\"\"",
                        "the calibration.json that --calibrate wrote; none: magnitudes alone">];
  let statistics = [Statistic<"numPruned", "pruned", "Weights that were pruned">,
                    Statistic<"numByNorms", "by-norms", "Those of them for which the norms of channels counted">];
}

def MaskPaddingPass : Pass<"sinter-mask-padding", "::mlir::ModuleOp"> {
  let summary = "Make results independent of padding";
  let description = [{
    Requires phase `canonical` or `quantized`. `dims` are sizes that a run pads: then elements of the results that are no padding are what
    they would be without it. Attention over keys of which some may be padding gets a bias of -infinity there, by the actual size, which is
    an argument (`sinter.session = "size:NAME"`). What is computed from the size of a padded dimension is computed from the actual size.
    Refuses, by node, ops that mix the positions of a padded dimension in another way.

    Before and after, for `dims=seq`:

    ```mlir
    %0 = sinter.attention %q, %k, %v scale 0.25 : ...

    %0 = sinter.range %zero, %one : (tensor<i64>, tensor<i64>) -> tensor<?xi64, #sinter.dims<"seq">>
    %1 = sinter.reshape %0 : tensor<?xi64, #sinter.dims<"seq">> -> tensor<1x1x1x?xi64, #sinter.dims<"1", "1", "1", "seq">>
    %2 = sinter.elementwise less(%1, %size) : ...
    %3 = sinter.elementwise select(%2, %zeros, %never) : ...
    %4 = sinter.attention %q, %k, %v bias %3 scale 0.25 : ...
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let options = [ListOption<"dims", "dims", "std::string", "the symbols of the sizes that are padded">];
  let statistics = [Statistic<"numMasks", "masks", "Ops of attention that have a mask now">];
}

def FixSizesPass : Pass<"sinter-fix-sizes", "::mlir::ModuleOp"> {
  let summary = "Put numbers in the place of sizes";
  let description = [{
    Requires a phase from `imported` to `sparse`. Each of `sizes` is a symbol and its number, which takes its place everywhere; the
    symbol is gone. Shapes that are now numbers can be simplified. Refuses a symbol that there is not.

    Before and after, for `sizes=seq=16`:

    ```mlir
    sinter.symbol @seq axis "x" 0 {low = 1 : i64}
    %0 = sinter.elementwise exp(%x) : (tensor<?xf32, #sinter.dims<"seq">>) -> tensor<?xf32, #sinter.dims<"seq">>

    %0 = sinter.elementwise exp(%x) : (tensor<16xf32>) -> tensor<16xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let options = [ListOption<"sizes", "sizes", "std::string", "NAME=N, ...">];
}

def RecognizeStatesPass : Pass<"sinter-recognize-states", "::mlir::ModuleOp"> {
  let summary = "Make states of pasts and presents";
  let description = [{
    Requires phase `canonical`. An input of `past` positions that is joined to new ones, which together are an output, becomes a
    `sinter.state`, whose capacity is the upper bound of the symbol `past`; input and output vanish. All such inputs of a program
    have one length. It comes from the session: an argument (`sinter.session = "past"`) is that number.

    A dimension of past + Q, where a run adds Q positions, has the capacity's size then, and its end is padding. An input with
    such a dimension says in `sinter.sizes` what it was. What is computed from the size is computed from the session's number.
    Attention over states leaves out what is not in use. Refuses, by node, other ops that would read the padding, inputs and
    outputs whose sizes depend on the length otherwise, and a length without bound. A program without such inputs stays as it is.

    Before and after, for `sinter.symbol @past axis "past.k" 1 {low = 1 : i64, high = 64 : i64}`:

    ```mlir
    %0 = sinter.concat 1 (%past.k, %k)
        : (tensor<1x?x2x16xf32, #sinter.dims<"1", "past", "2", "16">>, tensor<1x4x2x16xf32>)
        -> tensor<1x?x2x16xf32, #sinter.dims<"1", "past + 4", "2", "16">>

    sinter.state @past.k axis 1 : tensor<1x64x2x16xf32>
    %0 = sinter.range %session.past, %one : (tensor<i64>, tensor<i64>) -> tensor<4xi64>
    %1 = sinter.update_state @past.k[%0], %k : (tensor<4xi64>, tensor<1x4x2x16xf32>) -> tensor<1x64x2x16xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numStates", "states", "States that were made">];
}

def TabulatePositionsPass : Pass<"sinter-tabulate-positions", "::mlir::ModuleOp"> {
  let summary = "Make tables of the angles of positions";
  let description = [{
    Requires what `sinter-recognize-states` ensures. Cosines and sines that follow from weights and the integers of one tensor, element
    by element, become rows of a table, which follows from weights, with a row for each position that the states have: a position that
    they do not have is outside of it. A program without states stays as it is, and so do angles that depend on something else.

    Before and after, with states of 64 positions:

    ```mlir
    %0 = sinter.cast %positions : tensor<1x4xi64> -> tensor<1x4xf32>
    %1 = sinter.reshape %0 : tensor<1x4xf32> -> tensor<1x4x1xf32>
    %2 = sinter.elementwise mul(%1, %frequencies) : (tensor<1x4x1xf32>, tensor<8xf32>) -> tensor<1x4x8xf32>
    %3 = sinter.elementwise cos(%2) : (tensor<1x4x8xf32>) -> tensor<1x4x8xf32>

    // %table is the cosine of 0, 1, ..., 63 times the frequencies
    %0 = sinter.reshape %positions : tensor<1x4xi64> -> tensor<4xi64>
    %1 = sinter.gather %table[%0] axis 0 : (tensor<64x8xf32>, tensor<4xi64>) -> tensor<4x8xf32>
    %3 = sinter.reshape %1 : tensor<4x8xf32> -> tensor<1x4x8xf32>
    ```
  }];
  let dependentDialects = ["::sinter::SinterDialect"];
  let statistics = [Statistic<"numTables", "tables", "Tensors of angles that became rows of tables">];
}

#endif // SINTER_TRANSFORMS_PASSES_TD

//===- Quality.h - What compression cost ---------------------------------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TOOLS_SINTER_QUALITY_H
#define SINTER_TOOLS_SINTER_QUALITY_H

#include "tools/sinter/Program.h"
#include "tools/sinter/Reference.h"
#include "tools/sinter/Verification.h"

namespace sinter::tool {

/// How far values are from what they should be, over all that were added.
class Deviation {
public:
  /// Of two tensors of equal sizes. Where both are infinite or no numbers in the same way, nothing is counted.
  void add(const HostTensor &actual, const HostTensor &expected);
  void add(const Deviation &other);

  double maxAbsolute() const { return greatest; }
  double meanAbsolute() const { return count ? sum / count : 0; }
  /// Of all values as one vector; 1 where there is no difference.
  double cosine() const;
  /// The root of the squared error by that of the values; 0 where there is no difference.
  double relative() const;
  /// In decibel: -20 log10(relative); infinite where there is no difference.
  double signalToNoise() const;
  /// Whether every value is finite that should be.
  bool isFinite() const { return finite; }

private:
  double greatest = 0, sum = 0, squaredError = 0, squaredExpected = 0, squaredActual = 0, products = 0, count = 0;
  bool finite = true;
};

struct LayerQuality {
  std::string node; // of the source model
  std::string op;   // what it is in the uncompressed program: "matmul"
  Deviation deviation;
};

struct OutputQuality {
  std::string name;
  Deviation deviation; // over all samples
  /// Of the samples' own cosines: their mean, and the least with its sample.
  double meanCosine = 0, worstCosine = 1;
  std::string worstSample;
};

struct Quality {
  std::string artifact, model;
  size_t numSamples = 0;
  std::vector<OutputQuality> outputs;
  std::vector<LayerQuality> layers; // in the order of the program

  /// The layers' numbers, those of the greatest relative error first.
  std::vector<size_t> worstFirst() const;
};

struct Sample {
  std::string name;
  std::vector<HostTensor> inputs;
};

/// Compares an artifact with the model that it was made of, uncompressed. Outputs: those of the artifact, run by the
/// runtime. Layers: the values of the artifact's reference, interpreted. Either is held against the values of the
/// source model, interpreted; layers are matched by the nodes' names.
Quality measureQuality(const Program &program, Reference &reference, const std::vector<Sample> &samples,
                       const VerifyOptions &options);

/// Prints it as text or JSON, and writes it to --report's file, if there is one.
void reportQuality(const Quality &quality, const std::string &reportFile);

} // namespace sinter::tool

#endif // SINTER_TOOLS_SINTER_QUALITY_H

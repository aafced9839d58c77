//===- QualityReport.cpp - What compression cost, as text, JSON and a page -===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Support/AtomicOutput.h"
#include "tools/sinter/Quality.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>

using namespace sinter;
using namespace sinter::tool;

/// Layers that are printed without --verbose.
static const size_t shownLayers = 20;

namespace {

void describe(const Deviation &deviation, llvm::json::Object &object) {
  object["max_abs"] = finiteOrNull(deviation.maxAbsolute());
  object["mean_abs"] = finiteOrNull(deviation.meanAbsolute());
  object["cosine"] = finiteOrNull(deviation.cosine());
  object["relative"] = finiteOrNull(deviation.relative());
  object["snr_db"] = finiteOrNull(deviation.signalToNoise());
  object["finite"] = deviation.isFinite();
}

llvm::json::Object describe(const Quality &quality) {
  llvm::json::Array outputs, layers;
  bool finite = true;
  for (const OutputQuality &output : quality.outputs) {
    llvm::json::Object object{{"name", output.name},
                              {"cosine_mean", output.meanCosine},
                              {"cosine_worst", output.worstCosine},
                              {"worst_sample", output.worstSample}};
    describe(output.deviation, object);
    finite &= output.deviation.isFinite();
    outputs.push_back(std::move(object));
  }
  for (size_t i : quality.worstFirst()) {
    const LayerQuality &layer = quality.layers[i];
    llvm::json::Object object{{"node", layer.node}, {"op", layer.op}};
    describe(layer.deviation, object);
    layers.push_back(std::move(object));
  }
  return llvm::json::Object{
      {"status", finite ? "pass" : "wrong"},    {"artifact", quality.artifact},  {"model", quality.model},
      {"samples", int64_t(quality.numSamples)}, {"outputs", std::move(outputs)}, {"layers", std::move(layers)}};
}

std::string decibel(const Deviation &deviation) {
  double value = deviation.signalToNoise();
  return std::isfinite(value) ? llvm::formatv("{0:f1}", value).str() : value > 0 ? "exact" : "-";
}

std::string cosineText(double cosine) { return llvm::formatv("{0:f6}", cosine).str(); }

std::string inWords(const Quality &quality) {
  std::string text =
      llvm::formatv("{0} against {1}, on {2} sample(s)\n", quality.artifact, quality.model, quality.numSamples).str();
  for (const OutputQuality &output : quality.outputs) {
    text +=
        llvm::formatv("output '{0}': cosine {1} (mean of the samples {2}, worst {3}: {4}), greatest error {5}, mean "
                      "{6}, signal to noise {7} dB{8}\n",
                      output.name, cosineText(output.deviation.cosine()), cosineText(output.meanCosine),
                      cosineText(output.worstCosine), output.worstSample, formatNumber(output.deviation.maxAbsolute()),
                      formatNumber(output.deviation.meanAbsolute()), decibel(output.deviation),
                      output.deviation.isFinite() ? "" : "; it has values that are infinite or no numbers")
            .str();
  }
  size_t numShown = console().verbose ? quality.layers.size() : std::min(shownLayers, quality.layers.size());
  size_t width = 4;
  std::vector<size_t> order = quality.worstFirst();
  for (size_t i = 0; i < numShown; ++i)
    width = std::max(width, quality.layers[order[i]].node.size());
  auto row = [&](const std::string &node, const std::string &op, const std::string &noise, const std::string &cosine,
                 const std::string &greatest, const std::string &mean) {
    std::string line;
    llvm::raw_string_ostream stream(line);
    stream << "  " << llvm::left_justify(node, width) << "  " << llvm::left_justify(op, 16)
           << llvm::right_justify(noise, 8) << llvm::right_justify(cosine, 11) << llvm::right_justify(greatest, 13)
           << llvm::right_justify(mean, 13) << "\n";
    return line;
  };
  if (numShown)
    text += "layers, worst first:\n" + row("node", "op", "dB", "cosine", "greatest", "mean");
  for (size_t i = 0; i < numShown; ++i) {
    const LayerQuality &layer = quality.layers[order[i]];
    text += row(layer.node, layer.op, decibel(layer.deviation), cosineText(layer.deviation.cosine()),
                formatNumber(layer.deviation.maxAbsolute()), formatNumber(layer.deviation.meanAbsolute()));
  }
  if (numShown < quality.layers.size())
    text += llvm::formatv("  and {0} others with less error (-v shows them)\n", quality.layers.size() - numShown).str();
  return text;
}

/// One bar per layer: the relative error, on a logarithmic scale from 1e-5 to 1.
void writeBars(llvm::raw_ostream &os, const Quality &quality) {
  constexpr int rowHeight = 18, left = 330, width = 560, decades = 5;
  int height = int(quality.layers.size()) * rowHeight + 30;
  os << llvm::formatv("<svg viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"Relative error of each layer\">\n",
                      left + width + 90, height);
  for (int decade = 0; decade <= decades; ++decade) {
    int x = left + width * decade / decades;
    os << llvm::formatv("<line x1=\"{0}\" x2=\"{0}\" y1=\"22\" y2=\"{1}\"/><text class=\"axis\" x=\"{0}\" "
                        "y=\"14\">{2}</text>\n",
                        x, height, decade == decades ? "1" : "1e-" + std::to_string(decades - decade));
  }
  for (size_t i = 0; i < quality.layers.size(); ++i) {
    const LayerQuality &layer = quality.layers[i];
    double relative = layer.deviation.isFinite() ? layer.deviation.relative() : INFINITY;
    double part = relative > 0 ? std::clamp(1 + std::log10(std::min(relative, 1.0)) / decades, 0.0, 1.0) : 0;
    int y = 26 + int(i) * rowHeight;
    // Long names keep their end, which tells layers apart.
    std::string name = layer.node.size() > 44 ? "..." + layer.node.substr(layer.node.size() - 41) : layer.node;
    const char *kind = relative >= 0.1 ? "bad" : relative >= 0.01 ? "fair" : "good";
    os << llvm::formatv("<g><title>{0} ({1}): relative error {2}, cosine {3}</title><text class=\"name\" x=\"{4}\" "
                        "y=\"{5}\">{6}</text><rect class=\"{7}\" x=\"{8}\" y=\"{9}\" width=\"{10:f1}\" "
                        "height=\"12\"/><text x=\"{11:f1}\" y=\"{5}\">{12}</text></g>\n",
                        escapeHtml(layer.node), escapeHtml(layer.op), formatNumber(relative),
                        cosineText(layer.deviation.cosine()), left - 8, y + 11, escapeHtml(name), kind, left, y + 1,
                        part * width, left + part * width + 6,
                        relative > 0 ? formatNumber(std::stod(llvm::formatv("{0:e1}", relative).str())) : "exact");
  }
  os << "</svg>\n";
}

void writePage(llvm::raw_ostream &os, const Quality &quality) {
  auto cells = [&](const Deviation &deviation) {
    return llvm::formatv("<td>{0}</td><td>{1}</td><td>{2}</td><td>{3}</td><td>{4}</td>", decibel(deviation),
                         formatNumber(deviation.relative()), cosineText(deviation.cosine()),
                         formatNumber(deviation.maxAbsolute()), formatNumber(deviation.meanAbsolute()))
        .str();
  };
  const char *columns = "<th>signal to noise, dB</th><th>relative error</th><th>cosine</th><th>greatest error</th>"
                        "<th>mean error</th>";
  os << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\"><title>Quality of "
     << escapeHtml(quality.artifact)
     << "</title>\n<style>\n"
        ":root{--text:#1b1f24;--back:#fff;--line:#d0d7de;--good:#3d7ea6;--fair:#c98a1b;--bad:#b3362c}\n"
        "@media(prefers-color-scheme:dark){:root{--text:#e3e7ec;--back:#15181c;--line:#39414a;--good:#5fa8d3;"
        "--fair:#e0a63c;--bad:#e2685d}}\n"
        "body{font:14px/1.45 system-ui,sans-serif;color:var(--text);background:var(--back);margin:2em auto;"
        "max-width:70em;padding:0 1em}\n"
        "div{overflow-x:auto}table{border-collapse:collapse}td,th{padding:3px 10px;border-bottom:1px solid var(--line);"
        "text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
        "td:first-child,th:first-child,td.op,th.op{text-align:left}\n"
        "svg{width:100%;min-width:50em;font:12px system-ui,sans-serif}svg text{fill:var(--text)}"
        "svg .name{text-anchor:end}svg .axis{text-anchor:middle}svg line{stroke:var(--line)}"
        ".good{fill:var(--good);color:var(--good)}.fair{fill:var(--fair);color:var(--fair)}"
        ".bad{fill:var(--bad);color:var(--bad)}\n"
        "</style></head><body>\n<h1>Quality of "
     << escapeHtml(quality.artifact) << "</h1>\n<p>Measured against the uncompressed model "
     << escapeHtml(quality.model) << " on " << quality.numSamples
     << " sample(s). Outputs are the artifact's, run by the runtime; layers are those of its reference, "
        "interpreted. The relative error is the root of the squared error by that of the values.</p>\n"
     << "<h2>Outputs</h2>\n<div><table><tr><th>output</th><th>cosine, mean of samples</th><th>worst</th>"
        "<th class=\"op\">its sample</th>"
     << columns << "</tr>\n";
  for (const OutputQuality &output : quality.outputs)
    os << "<tr><td>" << escapeHtml(output.name) << "</td><td>" << cosineText(output.meanCosine) << "</td><td>"
       << cosineText(output.worstCosine) << "</td><td class=\"op\">" << escapeHtml(output.worstSample) << "</td>"
       << cells(output.deviation) << "</tr>\n";
  os << "</table></div>\n<h2>Relative error of each layer, in the order of the program</h2>\n<p>On a logarithmic "
        "scale. "
        "<b class=\"good\">Below 1 %</b>, <b class=\"fair\">below 10 %</b>, <b class=\"bad\">10 % and above</b>.</p>\n"
        "<div>\n";
  writeBars(os, quality);
  os << "</div>\n<h2>Layers, worst first</h2>\n<div><table><tr><th>node</th><th class=\"op\">op</th>" << columns
     << "</tr>\n";
  for (size_t i : quality.worstFirst()) {
    const LayerQuality &layer = quality.layers[i];
    os << "<tr><td>" << escapeHtml(layer.node) << "</td><td class=\"op\">" << escapeHtml(layer.op) << "</td>"
       << cells(layer.deviation) << "</tr>\n";
  }
  os << "</table></div>\n</body></html>\n";
}

} // namespace

void tool::reportQuality(const Quality &quality, const std::string &reportFile) {
  if (!reportFile.empty()) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    if (llvm::StringRef(reportFile).ends_with(".html"))
      writePage(stream, quality);
    else
      stream << llvm::formatv("{0:2}", llvm::json::Value(describe(quality))) << "\n";
    llvm::Expected<AtomicOutput> output = AtomicOutput::file(reportFile);
    if (!output)
      orStop(output.takeError());
    orStop(output->write("", text));
    orStop(output->commit());
  }
  if (console().json)
    console().printJson(describe(quality));
  else
    console().print(inWords(quality));
}

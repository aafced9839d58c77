"""QDQ exports of all-MiniLM-L6-v2 by ONNX Runtime's static tool: Sinter's layers and embeddings beside ONNX Runtime's.

example: .cache/peers/bin/python benchmarks/minilm_qdq.py

Two exports: `codes` quantizes both operands and the result of each product, `floats` only products by weights, per channel, and
leaves their results in float, as most published integer models do. Each product by a weight is cut out of the export and given the
input that it has in ONNX Runtime: `layers` says how many products, `values` how many results, `different` how many differ by half
a step or more, and `steps` by how much at most, a step being one code, or one in the integer sum where the result is float.
Embeddings are compared for 50 sentences, with ONNX Runtime's optimized and plain execution; `identical` counts those with a cosine
of 1 to six digits, `float32` is the cosine of ONNX Runtime's with the unquantized model, which is the export's own noise. Prints
one JSON object.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import tempfile

import numpy
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from minilm_quantized import embed, read_model, read_sentences, root


class Samples(CalibrationDataReader):
    def __init__(self):
        self.samples = read_sentences("calibration")

    def get_next(self):
        return next(self.samples, None)


EXPORTS = {
    "codes": {"op_types_to_quantize": ["MatMul"]},
    "floats": {"op_types_to_quantize": ["MatMul"], "per_channel": True,
               "extra_options": {"MatMulConstBOnly": True, "OpTypesToExcludeOutputQuantization": ["MatMul"]}},
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sinter", default=os.path.join(root, "build/bin/sinter"))
    parser.add_argument("--model", default=os.path.join(root, ".cache/models/all-MiniLM-L6-v2/all-MiniLM-L6-v2.onnx"))
    parser.add_argument("--export", default=",".join(EXPORTS), help="exports to compare, with commas (default: %(default)s)")
    parser.add_argument("--sentences", type=int, default=50)
    return parser.parse_args()


def plain_options():
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def find_layers(model):
    """(input of the QuantizeLinear in front, result, its steps) of each product by a weight; steps by column, or one for all."""
    makers = {output: node for node in model.graph.node for output in node.output}
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    after = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    for node in model.graph.node:
        if node.op_type != "MatMul":
            continue
        left, right = makers.get(node.input[0]), makers.get(node.input[1])
        if not left or not right or left.op_type != "DequantizeLinear" or right.op_type != "DequantizeLinear":
            continue
        before = makers.get(left.input[0])
        if right.input[0] not in constants or before is None:
            continue
        if node.output[0] in after:
            yield before.input[0], after[node.output[0]], numpy.ones(())
        else:
            yield before.input[0], node.output[0], constants[left.input[1]] * constants[right.input[1]]


def compare_layers(arguments, model, path):
    layers = list(find_layers(model))
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    for name in sorted({name for before, after, _ in layers for name in (before, after)}):
        shown.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(shown, path("shown.onnx"))
    session = onnxruntime.InferenceSession(path("shown.onnx"), plain_options())
    values = dict(zip([output.name for output in session.get_outputs()], session.run(None, next(read_sentences("evaluation")))))
    onnx.save(onnx.shape_inference.infer_shapes(model), path("typed.onnx"))
    count, different, steps = 0, 0, 0.0
    for before, after, step in layers:
        onnx.utils.extract_model(path("typed.onnx"), path("layer.onnx"), [before], [after])
        numpy.save(path("x.npy"), values[before])
        subprocess.run([arguments.sinter, "run", path("layer.onnx"), "-q", "--input", f"{before}=@{path('x.npy')}", "--output",
                        f"{after}=@{path('y.npy')}"], check=True, stdout=subprocess.DEVNULL)
        difference = numpy.abs(numpy.load(path("y.npy")).astype(float) - values[after].astype(float)) / step
        count += difference.size
        different += int((difference >= 0.5).sum())
        steps = max(steps, float(difference.max()))
    return {"layers": len(layers), "values": count, "different": different, "steps": round(steps, 6)}


def compare_embeddings(arguments, path):
    subprocess.run([arguments.sinter, "compile", path("qdq.onnx"), "-q", "-o", path("bundle"), "--force"], check=True)
    listing = subprocess.run([arguments.sinter, "inspect", path("bundle"), "--format=json"], check=True, capture_output=True)
    sessions = {
        "plain": onnxruntime.InferenceSession(path("qdq.onnx"), plain_options()),
        "optimized": onnxruntime.InferenceSession(path("qdq.onnx")),
        "float32": onnxruntime.InferenceSession(path("f32.onnx")),
    }
    cosines = {name: [] for name in ["plain", "optimized", "onnxruntime_with_itself", "float32"]}
    for sample in itertools.islice(read_sentences("evaluation"), arguments.sentences):
        numpy.savez(path("x.npz"), **sample)
        subprocess.run([arguments.sinter, "run", path("bundle"), "-q", "--input", "@" + path("x.npz"), "--output",
                        "last_hidden_state=@" + path("y.npy")], check=True, stdout=subprocess.DEVNULL)
        ours = embed(numpy.load(path("y.npy")))
        theirs = {name: embed(session.run(None, sample)[0]) for name, session in sessions.items()}
        cosines["plain"].append(float(ours @ theirs["plain"]))
        cosines["optimized"].append(float(ours @ theirs["optimized"]))
        cosines["onnxruntime_with_itself"].append(float(theirs["plain"] @ theirs["optimized"]))
        cosines["float32"].append(float(theirs["plain"] @ theirs["float32"]))
    return {
        "quantized_matmul": json.loads(listing.stdout)["ops"].get("quantized_matmul", 0),
        "cosine": {name: {"mean": round(statistics.mean(c), 5), "median": round(statistics.median(c), 6), "least": round(min(c), 5),
                          "identical": sum(value > 0.9999995 for value in c)} for name, c in cosines.items()},
    }


def main():
    arguments = parse_arguments()
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        onnx.save(read_model(arguments.model), path("f32.onnx"))
        quant_pre_process(path("f32.onnx"), path("folded.onnx"), skip_symbolic_shape=True)
        for name in arguments.export.split(","):
            quantize_static(path("folded.onnx"), path("qdq.onnx"), Samples(), quant_format=QuantFormat.QDQ, **EXPORTS[name])
            layers = compare_layers(arguments, onnx.load(path("qdq.onnx")), path)
            result[name] = {**layers, **compare_embeddings(arguments, path)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()

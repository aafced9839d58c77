"""A QDQ export of all-MiniLM-L6-v2 by ONNX Runtime's static tool: Sinter's layers and embeddings beside ONNX Runtime's.

example: .cache/peers/bin/python benchmarks/minilm_qdq.py

Each quantized product by a weight is cut out of the export, given the input that it has in ONNX Runtime, and its codes are compared:
`layers` says how many products, `codes` how many values, `different` how many differ and `steps` by how much at most. Embeddings
are compared for 50 sentences, with ONNX Runtime's optimized and plain execution; `identical` counts those with a cosine of 1 to six
digits. Prints one JSON object.
"""

import argparse
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


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sinter", default=os.path.join(root, "build/bin/sinter"))
    parser.add_argument("--model", default=os.path.join(root, ".cache/models/all-MiniLM-L6-v2/all-MiniLM-L6-v2.onnx"))
    parser.add_argument("--ops", default="", help="types of operators to quantize, with commas (default: the tool's)")
    parser.add_argument("--sentences", type=int, default=50)
    return parser.parse_args()


def plain_options():
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def find_layers(model):
    """(input of the QuantizeLinear in front, output of the one behind) of each product by a weight."""
    makers = {output: node for node in model.graph.node for output in node.output}
    readers = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "MatMul":
            continue
        left, right = makers.get(node.input[0]), makers.get(node.input[1])
        if not left or not right or left.op_type != "DequantizeLinear" or right.op_type != "DequantizeLinear":
            continue
        before = makers.get(left.input[0])
        after = [reader for reader in readers.get(node.output[0], []) if reader.op_type == "QuantizeLinear"]
        if right.input[0] in constants and before is not None and after:
            yield before.input[0], after[0].output[0]


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        onnx.save(read_model(arguments.model), path("f32.onnx"))
        quant_pre_process(path("f32.onnx"), path("folded.onnx"), skip_symbolic_shape=True)
        types = arguments.ops.split(",") if arguments.ops else None
        quantize_static(path("folded.onnx"), path("qdq.onnx"), Samples(), quant_format=QuantFormat.QDQ, op_types_to_quantize=types)

        model = onnx.load(path("qdq.onnx"))
        layers = list(find_layers(model))
        shown = onnx.load(path("qdq.onnx"))
        for name in sorted({name for layer in layers for name in layer}):
            shown.graph.output.append(onnx.ValueInfoProto(name=name))
        onnx.save(shown, path("shown.onnx"))
        sample = next(read_sentences("evaluation"))
        session = onnxruntime.InferenceSession(path("shown.onnx"), plain_options())
        values = dict(zip([output.name for output in session.get_outputs()], session.run(None, sample)))
        codes, different, steps = 0, 0, 0
        for before, after in layers:
            typed = onnx.shape_inference.infer_shapes(model)
            onnx.save(typed, path("typed.onnx"))
            onnx.utils.extract_model(path("typed.onnx"), path("layer.onnx"), [before], [after])
            numpy.save(path("x.npy"), values[before])
            subprocess.run([arguments.sinter, "run", path("layer.onnx"), "-q", "--input", f"{before}=@{path('x.npy')}", "--output",
                            f"{after}=@{path('y.npy')}"], check=True, stdout=subprocess.DEVNULL)
            difference = numpy.abs(numpy.load(path("y.npy")).astype(int) - values[after].astype(int))
            codes += difference.size
            different += int((difference != 0).sum())
            steps = max(steps, int(difference.max()))

        subprocess.run([arguments.sinter, "compile", path("qdq.onnx"), "-q", "-o", path("bundle")], check=True)
        listing = subprocess.run([arguments.sinter, "inspect", path("bundle"), "--format=json"], check=True, capture_output=True)
        ops = json.loads(listing.stdout)["ops"]
        rivals = {
            "plain": onnxruntime.InferenceSession(path("qdq.onnx"), plain_options()),
            "optimized": onnxruntime.InferenceSession(path("qdq.onnx")),
        }
        cosines = {name: [] for name in [*rivals, "onnxruntime_with_itself"]}
        for number, sample in enumerate(read_sentences("evaluation")):
            if number == arguments.sentences:
                break
            numpy.savez(path("x.npz"), **sample)
            subprocess.run([arguments.sinter, "run", path("bundle"), "-q", "--input", "@" + path("x.npz"), "--output",
                            "last_hidden_state=@" + path("y.npy")], check=True, stdout=subprocess.DEVNULL)
            ours = embed(numpy.load(path("y.npy")))
            theirs = {name: embed(rival.run(None, sample)[0]) for name, rival in rivals.items()}
            for name, value in theirs.items():
                cosines[name].append(float(ours @ value))
            cosines["onnxruntime_with_itself"].append(float(theirs["plain"] @ theirs["optimized"]))
        print(json.dumps({
            "layers": len(layers), "codes": codes, "different": different, "steps": steps,
            "quantized_matmul": ops.get("quantized_matmul", 0),
            "cosine": {name: {"mean": round(statistics.mean(c), 5), "median": round(statistics.median(c), 6), "least": round(min(c), 5),
                              "identical": sum(value > 0.9999995 for value in c)} for name, c in cosines.items()},
        }))


if __name__ == "__main__":
    main()

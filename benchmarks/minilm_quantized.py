"""Latency of all-MiniLM-L6-v2 in w8a8 beside its own f32 and ONNX Runtime's dynamically quantized int8, measured in turns.

example: .cache/peers/bin/python benchmarks/minilm_quantized.py --threads 2

Sinter's bundle is calibrated on the 100 sentences of test/data/sentences; ONNX Runtime's model is made by quant_pre_process and quantize_dynamic. Each
round asks every system once for the best of a few inferences, one system after the other, so that what else the machine does
falls on all of them. Prints one JSON object: least and median milliseconds over the rounds, the ratios of medians, and how
alike each system's embeddings of 200 other sentences are to those in f32 (cosine: mean and least).
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import numpy
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sinter", default=os.path.join(root, "build/bin/sinter"))
    parser.add_argument("--model", default=os.path.join(root, ".cache/models/all-MiniLM-L6-v2/all-MiniLM-L6-v2.onnx"))
    parser.add_argument("--scheme", default="w8a8")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--shape", default="1x128")
    return parser.parse_args()


def read_sentences(name):
    path = os.path.join(root, f"test/data/sentences/{name}.ids")
    for line in open(path):
        ids = numpy.array([[int(word) for word in line.split()]], dtype=numpy.int64)
        yield {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}


def read_model(path):
    """The model with its weights inside; they may lie in links, which onnx does not follow."""
    model = onnx.load(path, load_external_data=False)
    folder = os.path.dirname(path)
    for tensor in model.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if not entries:
            continue
        with open(os.path.join(folder, entries["location"]), "rb") as file:
            file.seek(int(entries.get("offset", 0)))
            tensor.raw_data = file.read(int(entries["length"]))
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT
    return model


def best_of(run, times=3):
    least = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - start)
    return least * 1e3


def embed(hidden):
    mean = hidden[0].mean(0).astype(numpy.float64)
    return mean / numpy.linalg.norm(mean)


def main():
    arguments = parse_arguments()
    batch, length = map(int, arguments.shape.split("x"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        os.mkdir(data)
        for number, sample in enumerate(read_sentences("calibration")):
            numpy.savez(os.path.join(data, f"{number:03d}.npz"), **sample)
        exact, quantized = os.path.join(folder, "f32"), os.path.join(folder, arguments.scheme)
        compile_model = [arguments.sinter, "compile", arguments.model, "-q", "-o"]
        subprocess.run(compile_model + [exact], check=True)
        start = time.perf_counter()
        subprocess.run(compile_model + [quantized, f"--quantize={arguments.scheme}", f"--calibrate={data}"], check=True)
        seconds = time.perf_counter() - start

        onnx.save(read_model(arguments.model), os.path.join(folder, "f32.onnx"))
        # Weights that the model transposes are quantized only once they are folded.
        quant_pre_process(os.path.join(folder, "f32.onnx"), os.path.join(folder, "folded.onnx"), skip_symbolic_shape=True)
        quantize_dynamic(os.path.join(folder, "folded.onnx"), os.path.join(folder, "int8.onnx"), weight_type=QuantType.QInt8)
        reference = onnxruntime.InferenceSession(os.path.join(folder, "f32.onnx"), options)
        rival = onnxruntime.InferenceSession(os.path.join(folder, "int8.onnx"), options)

        def run_bench(bundle):
            command = [arguments.sinter, "bench", bundle, "--dim", f"batch={batch}", "--dim", f"seq={length}",
                       "--threads", str(arguments.threads), "--seconds", "0.3", "--format=json"]
            return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["min_ms"]

        ids = numpy.random.default_rng(0).integers(1000, 30000, (batch, length))
        feed = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
        times = {"sinter_f32": [], f"sinter_{arguments.scheme}": [], "onnxruntime_int8": []}
        best_of(lambda: rival.run(None, feed), 20)
        for _ in range(arguments.rounds):
            times["sinter_f32"].append(run_bench(exact))
            times[f"sinter_{arguments.scheme}"].append(run_bench(quantized))
            times["onnxruntime_int8"].append(best_of(lambda: rival.run(None, feed), 20))
        medians = {name: statistics.median(values) for name, values in times.items()}
        ours = medians[f"sinter_{arguments.scheme}"]

        cosines = {f"sinter_{arguments.scheme}": [], "onnxruntime_int8": []}
        inputs, output = os.path.join(folder, "x.npz"), os.path.join(folder, "y.npy")
        for sample in read_sentences("evaluation"):
            numpy.savez(inputs, **sample)
            subprocess.run([arguments.sinter, "run", quantized, "-q", "--input", "@" + inputs, "--output",
                            "last_hidden_state=@" + output], check=True, stdout=subprocess.DEVNULL)
            expected = embed(reference.run(None, sample)[0])
            cosines[f"sinter_{arguments.scheme}"].append(float(expected @ embed(numpy.load(output))))
            cosines["onnxruntime_int8"].append(float(expected @ embed(rival.run(None, sample)[0])))
        print(json.dumps({
            "shape": arguments.shape,
            "threads": arguments.threads,
            "calibrate_and_compile_s": round(seconds, 1),
            "ms": {name: {"min": round(min(values), 3), "median": round(medians[name], 3)} for name, values in times.items()},
            "to_f32": round(ours / medians["sinter_f32"], 3),
            "to_onnxruntime_int8": round(ours / medians["onnxruntime_int8"], 3),
            "cosine": {name: {"mean": round(statistics.mean(values), 5), "least": round(min(values), 5)}
                       for name, values in cosines.items()},
        }))


if __name__ == "__main__":
    main()

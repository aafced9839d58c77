"""Latency of all-MiniLM-L6-v2 in f32 beside ONNX Runtime and OpenVINO, measured in turns.

example: .cache/peers/bin/python benchmarks/minilm_latency.py --threads 2

Each round asks every system once for the best of a few inferences, one system after the other, so that what else the machine
does falls on all of them. Prints one JSON object per shape: least and median milliseconds over the rounds, and the ratio of
Sinter's median to that of the faster rival.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import numpy
import onnxruntime
import openvino

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sinter", default=os.path.join(root, "build/bin/sinter"))
    parser.add_argument("--model", default=os.path.join(root, ".cache/models/all-MiniLM-L6-v2/all-MiniLM-L6-v2.onnx"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--shapes", default="1x16,1x128,8x128,1x384")
    return parser.parse_args()


def best_of(run, times=3):
    least = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - start)
    return least * 1e3


def main():
    arguments = parse_arguments()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(arguments.model, options)
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": arguments.threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(arguments.model, "CPU", settings).create_infer_request()
    with tempfile.TemporaryDirectory() as folder:
        bundle = os.path.join(folder, "minilm")
        subprocess.run([arguments.sinter, "compile", arguments.model, "-o", bundle], check=True, stdout=subprocess.DEVNULL)
        for shape in arguments.shapes.split(","):
            batch, length = map(int, shape.split("x"))
            ids = numpy.random.default_rng(0).integers(1000, 30000, (batch, length))
            feed = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
            command = [arguments.sinter, "bench", bundle, "--format=json", "--threads", str(arguments.threads)]
            command += ["--dim", f"batch={batch}", "--dim", f"seq={length}", "--seconds", "0.5"]

            def sinter():
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                return json.loads(done.stdout.strip().splitlines()[-1])["min_ms"]

            systems = {
                "sinter": sinter,
                "onnxruntime": lambda: best_of(lambda: session.run(None, feed)),
                "openvino": lambda: best_of(lambda: request.infer(feed)),
            }
            systems["onnxruntime"](), systems["openvino"]()
            times = {name: [] for name in systems}
            for _ in range(arguments.rounds):
                for name, measure in systems.items():
                    times[name].append(measure())
            median = {name: statistics.median(values) for name, values in times.items()}
            faster = min(("onnxruntime", "openvino"), key=median.get)
            print(
                json.dumps(
                    {
                        "shape": shape,
                        "threads": arguments.threads,
                        "rounds": arguments.rounds,
                        "kind": "measured",
                        "ratio": round(median["sinter"] / median[faster], 3),
                        "faster_rival": faster,
                        "median_ms": {name: round(value, 3) for name, value in median.items()},
                        "min_ms": {name: round(min(values), 3) for name, values in times.items()},
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()

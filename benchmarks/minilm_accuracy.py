"""Compares all-MiniLM-L6-v2 as Sinter compiled it with the PyTorch reference and with ONNX Runtime.

example: .cache/peers/bin/python benchmarks/minilm_accuracy.py

One bundle serves all shapes. The reference's sentences run alone and as one batch; ONNX Runtime is asked at 60 shapes over
batch 1 to 8 and length 1 to 512, with padding at the right, at the left, and with one row that is masked entirely. Prints one
JSON object per comparison and a summary; the status is 1 if a limit is broken: 5e-6 for pooled and normalized embeddings,
2.5e-5 for every hidden state of a token that is not masked and of those that are.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnxruntime

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
pooled_limit, hidden_limit = 5e-6, 2.5e-5


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sinter", default=os.path.join(root, "build/bin/sinter"))
    parser.add_argument("--model", default=os.path.join(root, ".cache/models/all-MiniLM-L6-v2/all-MiniLM-L6-v2.onnx"))
    parser.add_argument("--bundle", help="a bundle of the model (default: it is compiled)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shapes", type=int, default=60)
    return parser.parse_args()


def run_sinter(sinter, bundle, feed, threads, folder):
    command = [sinter, "run", bundle, "--threads", str(threads)]
    for name, value in feed.items():
        path = os.path.join(folder, name + ".npy")
        numpy.save(path, value)
        command += ["--input", f"{name}=@{path}"]
    result = os.path.join(folder, "hidden.npy")
    command += ["--output", f"last_hidden_state=@{result}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return numpy.load(result)


def make_feed(ids, mask):
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}


def pool(hidden, mask):
    weights = mask[:, :, None].astype(numpy.float64)
    mean = (hidden * weights).sum(1) / weights.sum(1)
    return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)


def draw_shapes(count, random):
    """The corners, then shapes whose sizes are drawn evenly on a logarithmic scale."""
    shapes = [(1, 1), (8, 1), (1, 512), (8, 512), (3, 37), (1, 16), (1, 128), (8, 128), (1, 384)]
    while len(shapes) < count:
        shapes.append((int(random.integers(1, 9)), int(round(2 ** random.uniform(0, 9)))))
    return shapes[:count]


def draw_mask(kind, batch, length, random):
    mask = numpy.ones((batch, length), numpy.int64)
    if kind in ("right", "left"):
        for row in mask:
            padding = int(random.integers(0, length))
            if padding:
                row[slice(length - padding, None) if kind == "right" else slice(0, padding)] = 0
    if kind == "masked row":
        mask[int(random.integers(0, batch))] = 0
    return mask


def main():
    arguments = parse_arguments()
    random = numpy.random.default_rng(0)
    greatest = {"pooled": 0.0, "hidden": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        bundle = arguments.bundle
        if not bundle:
            bundle = os.path.join(folder, "minilm")
            subprocess.run([arguments.sinter, "compile", arguments.model, "-o", bundle], check=True)

        def sinter(feed):
            return run_sinter(arguments.sinter, bundle, feed, arguments.threads, folder)

        def report(**what):
            for key in greatest:
                # A NaN counts as broken.
                if key in what and not what[key] <= greatest[key]:
                    greatest[key] = what[key]
            print(json.dumps(what), flush=True)

        with open(os.path.join(root, "test/data/all-MiniLM-L6-v2-reference.json")) as file:
            cases = json.load(file)["cases"]
        longest = max(len(case["input_ids"]) for case in cases)
        ids, mask = (numpy.zeros((len(cases), longest), numpy.int64) for _ in range(2))
        for row, case in enumerate(cases):
            ids[row, : len(case["input_ids"])] = case["input_ids"]
            mask[row, : len(case["input_ids"])] = 1
        batch = sinter(make_feed(ids, mask))
        for row, case in enumerate(cases):
            own = numpy.array([case["input_ids"]])
            alone = sinter(make_feed(own, numpy.ones_like(own)))
            expected = numpy.array(case["mean_pooled_normalised"])
            first = numpy.array(case["last_hidden_state_first_token_first_8"])
            for kind, hidden, kept in (("alone", alone, numpy.ones_like(own)), ("batch", batch[row : row + 1], mask[row : row + 1])):
                report(
                    against="PyTorch",
                    sentence=row,
                    run=kind,
                    pooled=float(numpy.abs(pool(hidden, kept)[0] - expected).max()),
                    hidden=float(numpy.abs(hidden[0, 0, :8] - first).max()),
                )

        session = onnxruntime.InferenceSession(arguments.model)
        kinds = ["none", "right", "left", "masked row"]
        for index, (count, length) in enumerate(draw_shapes(arguments.shapes, random)):
            kind = kinds[index % len(kinds)]
            feed = make_feed(random.integers(1000, 30000, (count, length)), draw_mask(kind, count, length, random))
            ours, theirs = sinter(feed), session.run(["last_hidden_state"], feed)[0]
            seen = feed["attention_mask"].any(1)
            what = {"hidden": float(numpy.abs(ours - theirs).max())}
            if seen.any():
                kept = feed["attention_mask"][seen]
                what["pooled"] = float(numpy.abs(pool(ours[seen], kept) - pool(theirs[seen], kept)).max())
            report(against="ONNX Runtime " + onnxruntime.__version__, shape=f"{count}x{length}", padding=kind, **what)
    kept = greatest["pooled"] <= pooled_limit and greatest["hidden"] <= hidden_limit
    print(json.dumps({"kept": kept, **greatest, "limits": {"pooled": pooled_limit, "hidden": hidden_limit}}))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

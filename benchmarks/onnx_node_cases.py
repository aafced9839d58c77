"""Writes the node cases of the installed onnx package, which follow ONNX's newest opset.

example: .cache/peers/bin/python benchmarks/onnx_node_cases.py build/node-cases && build/bin/sinter verify --suite build/node-cases
"""

import pathlib
import sys
import warnings

import numpy
import onnx
from onnx import numpy_helper
from onnx.backend.test.case import node


def to_proto(value, info):
    """What a case holds as a value, as the message that its file has."""
    if isinstance(value, onnx.TensorProto):
        return value
    makers = {"sequence_type": numpy_helper.from_list, "optional_type": numpy_helper.from_optional}
    kind = info.type.WhichOneof("value")
    return makers[kind](value, info.name) if kind in makers else numpy_helper.from_array(numpy.asarray(value), info.name)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")  # cases divide by zero on purpose
    cases = node.collect_testcases(None)
    for case in cases:
        folder = pathlib.Path(sys.argv[1]) / case.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(case.model.SerializeToString())
        graph = case.model.graph
        for number, (inputs, outputs) in enumerate(case.data_sets):
            data = folder / f"test_data_set_{number}"
            data.mkdir(exist_ok=True)
            for kind, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
                for i, (value, info) in enumerate(zip(values, infos)):
                    (data / f"{kind}_{i}.pb").write_bytes(to_proto(value, info).SerializeToString())
    print(f"{len(cases)} cases of onnx {onnx.__version__}")


if __name__ == "__main__":
    main()

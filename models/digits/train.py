"""Trains the digits network, exports and quantizes it, and writes every file of this folder but baseline.json and README.md.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python train.py

Seeds and splits are fixed. Splits, stratified, of the 1,797 digits in scikit-learn: 1,137 training, 300 validation (int8
calibration and the baseline), 360 held out. baseline.json is made afterwards by `insitu baseline models/digits`, with the
kernels that count in the page.
"""
import base64
import hashlib
import json
import os
from pathlib import Path

os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # native builds report usage by default since 1.29

import numpy as np
import onnx
import onnxruntime as ort
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import drawing

HERE = Path(__file__).parent
EPOCHS, BATCH = 160, 64
VARIANTS = ("int8", "fp16", "fp32")
GOLDEN_DIGITS = (1, 2, 5, 9)


class Net(nn.Module):
    """55,466 parameters: three 3x3 convolutions (24, 48, 64 channels), two dense layers."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 24, 3, padding=1)
        self.c2 = nn.Conv2d(24, 48, 3, padding=1)
        self.c3 = nn.Conv2d(48, 64, 3, padding=1)
        self.f = nn.Linear(64 * 4, 64)
        self.o = nn.Linear(64, 10)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):
        x = F.relu(self.c1(x / 16))
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = F.max_pool2d(F.relu(self.c3(x)), 2)
        return self.o(self.dropout(F.relu(self.f(x.flatten(1)))))


def augment(x):
    """Turn, slant, scale, shift, ink and noise; the result is whole counts again."""
    n = len(x)
    turn, slant = (torch.rand(n) - 0.5) * 0.5, (torch.rand(n) - 0.5) * 0.5
    scale, shift = 1 + (torch.rand(n, 2) - 0.5) * 0.4, (torch.rand(n, 2) - 0.5) * 0.35
    affine = torch.zeros(n, 2, 3)
    affine[:, 0, 0], affine[:, 0, 1] = turn.cos() * scale[:, 0], -turn.sin() + slant
    affine[:, 1, 0], affine[:, 1, 1] = turn.sin(), turn.cos() * scale[:, 1]
    affine[:, :, 2] = shift
    x = F.grid_sample(x, F.affine_grid(affine, x.shape, align_corners=False), align_corners=False)
    x = x * (1 + (torch.rand(n, 1, 1, 1) - 0.5) * 0.6) + torch.randn_like(x) * 0.4
    return x.clamp(0, 16).round()


def train(images, labels):
    net = Net()
    steps = EPOCHS * ((len(images) + BATCH - 1) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=steps)
    x, y = torch.tensor(images)[:, None], torch.tensor(labels)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for start in range(0, len(x), BATCH):
            batch = order[start : start + BATCH]
            loss = F.cross_entropy(net(augment(x[batch])), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return {name: value.numpy() for name, value in net.eval().state_dict().items()}


def graph(weights):
    """The network as ONNX, node by node: input `image` takes raw counts, output `scores` is a probability."""
    nodes, x = [helper.make_node("Mul", ["image", "scale"], ["scaled"], name="scale")], "scaled"
    for index, conv in enumerate(["c1", "c2", "c3"]):
        nodes.append(helper.make_node("Conv", [x, f"{conv}.w", f"{conv}.b"], [f"{conv}.y"], conv, pads=[1] * 4, kernel_shape=[3, 3]))
        nodes.append(helper.make_node("Relu", [f"{conv}.y"], [f"{conv}.r"], f"{conv}.relu"))
        x = f"{conv}.r"
        if index > 0:
            nodes.append(helper.make_node("MaxPool", [x], [f"{conv}.p"], f"{conv}.pool", kernel_shape=[2, 2], strides=[2, 2]))
            x = f"{conv}.p"
    nodes += [
        helper.make_node("Flatten", [x], ["flat"], "flatten", axis=1),
        helper.make_node("Gemm", ["flat", "f.w", "f.b"], ["hidden"], "f", transB=1),
        helper.make_node("Relu", ["hidden"], ["hidden.r"], "f.relu"),
        helper.make_node("Gemm", ["hidden.r", "o.w", "o.b"], ["logits"], "o", transB=1),
        helper.make_node("Softmax", ["logits"], ["scores"], "softmax", axis=1),
    ]
    tensors = [numpy_helper.from_array(np.array(1 / 16, np.float32), "scale")]
    for layer in ["c1", "c2", "c3", "f", "o"]:
        tensors.append(numpy_helper.from_array(weights[f"{layer}.weight"], f"{layer}.w"))
        tensors.append(numpy_helper.from_array(weights[f"{layer}.bias"], f"{layer}.b"))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])
    model = helper.make_model(
        helper.make_graph(nodes, "digits", [image], [scores], tensors),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
        producer_name="insitu",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class Calibration(CalibrationDataReader):
    def __init__(self, images):
        self.batches = iter([{"image": images[start : start + 50, None]} for start in range(0, len(images), 50)])

    def get_next(self):
        return next(self.batches, None)


def file_of(variant):
    return HERE / f"digits.{variant}.onnx"


def export(weights, calibration):
    onnx.save(graph(weights), file_of("fp32"))
    half = OnnxModel(convert_float_to_float16(onnx.load(file_of("fp32")), keep_io_types=True))
    half.topological_sort()
    onnx.checker.check_model(half.model)
    onnx.save(half.model, file_of("fp16"))
    quantize_static(
        file_of("fp32"),
        file_of("int8"),
        Calibration(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        op_types_to_quantize=["Conv", "Gemm", "MaxPool", "Relu"],
    )


def run(variant, images):
    session = ort.InferenceSession(file_of(variant), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images[:, None]})[0]


def manifest(images, labels, scores):
    # Digits that fp32 is sure of, but whose scores still move: a borderline one would force a tolerance for int8 that hides
    # a broken provider, a saturated one would hide a provider that is only slightly wrong.
    doubt = np.abs(scores["fp32"].max(1) - 0.999)
    right = scores["fp32"].argmax(1) == labels
    golden = [int(min(np.flatnonzero((labels == digit) & right), key=lambda index: doubt[index])) for digit in GOLDEN_DIGITS]
    floor = {"fp32": 0.001, "fp16": 0.01, "int8": 0.03}

    def describe(variant, providers, features):
        data = file_of(variant).read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        deviation = float(np.abs(scores[variant][golden] - scores["fp32"][golden]).max())
        return {
            "id": variant,
            "quantization": variant,
            "file": file_of(variant).name,
            "bytes": len(data),
            "sha256": sha256,
            "chunks": [{"sha256": sha256, "bytes": len(data)}],
            "providers": providers,
            **({"features": features} if features else {}),
            "tolerance": round(max(floor[variant], 3 * deviation), 4),
        }

    return {
        "schema": 1,
        "name": "digits",
        "version": "1.0.0",
        "licence": "Apache-2.0",
        "description": "Handwritten digits as 8x8 block counts of a 32x32 bitmap.",
        "variants": [
            describe("int8", ["wasm"], None),
            describe("fp16", ["webgpu", "wasm"], ["shader-f16"]),
            describe("fp32", ["webgpu", "wasm"], None),
        ],
        "inputs": [
            {
                "name": "image",
                "type": "float32",
                "dims": ["batch", 1, 8, 8],
                "kind": "image",
                "range": [0, 16],
                "layout": "NCHW",
                "missing": "all-zero",
            }
        ],
        "outputs": [
            {
                "name": "scores",
                "type": "float32",
                "dims": ["batch", 10],
                "kind": "label-scores",
                "normalisation": "probabilities",
                "labels": [str(digit) for digit in range(10)],
            }
        ],
        "golden": [
            {
                "inputs": {"image": {"dims": [1, 1, 8, 8], "data": [int(value) for value in images[index].ravel()]}},
                "outputs": {"scores": {"dims": [1, 10], "data": [float(value) for value in scores["fp32"][index]]}},
            }
            for index in golden
        ],
    }


def packed(images, labels, **more):
    return {
        "count": len(labels),
        "images": base64.b64encode(images.astype(np.uint8).tobytes()).decode(),
        "labels": "".join(str(label) for label in labels),
        **more,
    }


def write(name, value, indent=None):
    (HERE / name).write_text(json.dumps(value, indent=indent) + "\n")


def drawn_digits():
    """Every style once as it is and eleven times with jitter: blocks and labels."""
    rng = np.random.default_rng(1)
    blocks, labels = [], []
    for digit, styles in drawing.STROKES.items():
        for strokes in styles:
            for repeat in range(12):
                drawn = drawing.jitter(strokes, rng) if repeat else strokes
                blocks.append(drawing.block_counts(drawing.bitmap(drawn)))
                labels.append(digit)
    return np.array(blocks), np.array(labels)


def preprocess_vectors():
    """Strokes with the bitmap and the counts that the recipe makes of them: what demo/digit-canvas.ts must reproduce."""
    vectors = []
    for digit in range(10):
        mask = drawing.bitmap(drawing.STROKES[digit][0])
        vectors.append(
            {
                "strokes": drawing.STROKES[digit][0],
                "bitmap": ["".join("1" if bit else "0" for bit in row) for row in mask],
                "counts": [int(count) for count in drawing.block_counts(mask).ravel()],
            }
        )
    return vectors


def main():
    torch.manual_seed(7)
    torch.set_num_threads(2)
    digits = load_digits()
    images, labels = digits.images.astype(np.float32), digits.target
    images, heldout, labels, heldout_labels = train_test_split(images, labels, test_size=360, stratify=labels, random_state=0)
    images, validation, labels, validation_labels = train_test_split(images, labels, test_size=300, stratify=labels, random_state=0)
    export(train(images, labels), validation)
    scores = {variant: run(variant, heldout) for variant in VARIANTS}
    blocks, drawn = drawn_digits()
    for variant in VARIANTS:
        accuracy = (scores[variant].argmax(1) == heldout_labels).mean()
        on_drawings = (run(variant, blocks).argmax(1) == drawn).mean()
        print(f"{variant}: held out {accuracy:.4f} of {len(heldout)}, drawn {on_drawings:.3f} of {len(drawn)}, {file_of(variant).stat().st_size} bytes")
    write("model.json", manifest(heldout, heldout_labels, scores), indent=1)
    predictions = {variant: scores[variant].argmax(1).tolist() for variant in VARIANTS}
    write("heldout.json", packed(heldout, heldout_labels, predictions=predictions))
    write("validation.json", packed(validation, validation_labels))
    write("strokes.json", {str(digit): styles for digit, styles in drawing.STROKES.items()})
    write("preprocess-reference.json", preprocess_vectors())


if __name__ == "__main__":
    main()

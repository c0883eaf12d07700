"""Measures the choices of the drawing recipe: the statistics of the data, and int8's accuracy on two hands. Writes nothing.

One hand is drawing.STROKES, on which the recipe was chosen. The other is OTHER_HAND below, straight segments as a mouse
would leave them, on which nothing was chosen or trained: it says how far the first figure can be believed.

Not here: the recipe itself (drawing.py) and the training (train.py).
"""
import os
from pathlib import Path

os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # native builds report usage by default since 1.29

import numpy as np
import onnxruntime as ort
from sklearn.datasets import load_digits

import drawing

HERE = Path(__file__).parent
REPEATS = 24

# digit -> styles -> strokes -> points in a unit square, y down
OTHER_HAND = {
    0: [
        [[(0.55, 0), (0.3, 0.1), (0.12, 0.35), (0.1, 0.65), (0.25, 0.92), (0.5, 1), (0.75, 0.9), (0.88, 0.62), (0.85, 0.3), (0.7, 0.08), (0.5, 0.02)]],
        [[(0.5, 0), (0.8, 0.15), (0.9, 0.5), (0.8, 0.85), (0.5, 1), (0.2, 0.85), (0.1, 0.5), (0.2, 0.15), (0.45, 0.03)]],
    ],
    1: [[[(0.6, 0), (0.45, 1)]], [[(0.2, 0.35), (0.5, 0), (0.5, 1)]]],
    2: [
        [[(0.1, 0.25), (0.25, 0.05), (0.55, 0), (0.8, 0.12), (0.82, 0.35), (0.55, 0.65), (0.1, 1), (0.9, 1)]],
        [[(0.12, 0.2), (0.4, 0), (0.75, 0.1), (0.75, 0.35), (0.4, 0.7), (0.12, 0.9), (0.2, 1), (0.35, 0.88), (0.6, 0.95), (0.9, 0.95)]],
    ],
    3: [
        [[(0.1, 0.1), (0.4, 0), (0.75, 0.08), (0.78, 0.3), (0.4, 0.47), (0.8, 0.6), (0.85, 0.85), (0.5, 1), (0.1, 0.92)]],
        [[(0.1, 0), (0.8, 0), (0.4, 0.4), (0.75, 0.5), (0.85, 0.75), (0.6, 0.98), (0.1, 0.95)]],
    ],
    4: [
        [[(0.3, 0), (0.1, 0.55), (0.9, 0.55)], [(0.7, 0.2), (0.65, 1)]],
        [[(0.7, 1), (0.7, 0), (0.05, 0.7), (0.95, 0.7)]],
    ],
    5: [
        [[(0.85, 0), (0.2, 0), (0.15, 0.45), (0.5, 0.38), (0.85, 0.55), (0.85, 0.8), (0.55, 1), (0.1, 0.95)]],
        [[(0.2, 0.02), (0.2, 0.45), (0.6, 0.4), (0.88, 0.65), (0.7, 0.95), (0.1, 1)], [(0.2, 0.02), (0.9, 0)]],
    ],
    6: [
        [[(0.7, 0), (0.35, 0.2), (0.12, 0.6), (0.2, 0.92), (0.5, 1), (0.8, 0.88), (0.82, 0.65), (0.55, 0.52), (0.2, 0.65)]],
        [[(0.4, 0), (0.15, 0.4), (0.1, 0.8), (0.4, 1), (0.75, 0.9), (0.75, 0.65), (0.4, 0.55), (0.12, 0.75)]],
    ],
    7: [
        [[(0.1, 0.05), (0.85, 0), (0.55, 0.45), (0.4, 1)]],
        [[(0.1, 0.2), (0.1, 0.02), (0.9, 0.02), (0.35, 1)], [(0.25, 0.5), (0.8, 0.48)]],
    ],
    8: [
        [[(0.8, 0.12), (0.5, 0), (0.2, 0.12), (0.25, 0.35), (0.7, 0.6), (0.85, 0.82), (0.5, 1), (0.15, 0.85), (0.25, 0.62), (0.75, 0.35), (0.8, 0.12)]],
        [[(0.5, 0.48), (0.2, 0.3), (0.25, 0.05), (0.6, 0), (0.82, 0.15), (0.75, 0.35), (0.5, 0.48), (0.15, 0.7), (0.2, 0.95), (0.55, 1), (0.88, 0.85), (0.8, 0.6), (0.5, 0.48)]],
    ],
    9: [
        [[(0.82, 0.2), (0.5, 0), (0.15, 0.15), (0.2, 0.42), (0.5, 0.5), (0.8, 0.35), (0.82, 0.2), (0.8, 0.6), (0.7, 1)]],
        [[(0.8, 0.1), (0.45, 0), (0.15, 0.2), (0.25, 0.45), (0.6, 0.45), (0.8, 0.1), (0.85, 0.55), (0.65, 0.9), (0.2, 1)]],
    ],
}


def bitmap(strokes, ink=drawing.INK_RATIO, width_max=drawing.WIDTH_MAX, aspect="height", pen=None):
    """drawing.bitmap with its choices open. aspect: "height" as in the recipe, "both" fits the whole box into 32x32."""
    points = np.vstack([np.asarray(stroke, float) for stroke in strokes])
    low, high = points.min(0), points.max(0)
    size = np.maximum(high - low, 1e-6)
    best = None
    for width_of_pen in [pen] if pen else drawing.PENS:
        height = drawing.SIDE - width_of_pen
        width = min(width_max - width_of_pen, height * size[0] / size[1])
        if aspect == "both":
            scale = min(height / size[1], height / size[0])
            width, height = size * scale
        placed = [(np.asarray(stroke, float) - (low + high) / 2) / size * [width, height] + drawing.SIDE / 2 for stroke in strokes]
        mask = drawing.raster(placed, width_of_pen)
        error = 0 if pen else abs(mask.mean() - ink)
        if best is None or error < best[0]:
            best = (error, mask)
    return best[1]


def measure(session, hand, **choices):
    """Confusion counts, drawn × recognised."""
    rng = np.random.default_rng(5)
    confusion = np.zeros((10, 10), int)
    for digit, styles in hand.items():
        drawn = [drawing.jitter(strokes, rng) if repeat else strokes for strokes in styles for repeat in range(REPEATS)]
        blocks = np.array([drawing.block_counts(bitmap(strokes, **choices)) for strokes in drawn])[:, None]
        np.add.at(confusion[digit], session.run(None, {"image": blocks})[0].argmax(1), 1)
    return confusion


def describe_data():
    images = load_digits().images
    ink = images.mean((1, 2)) / 16
    columns = (images > 0).any(1)
    width = 8 - columns.argmax(1) - columns[:, ::-1].argmax(1)
    print("all 8 rows used", (images > 0).any(2).all(1).mean())
    print("width in cells", np.bincount(width, minlength=9)[1:], "mean", width.mean().round(2))
    print("empty columns left and right", columns.argmax(1).mean().round(2), columns[:, ::-1].argmax(1).mean().round(2))
    print("ink", ink.mean().round(3), "5th, 50th, 95th percentile", np.percentile(ink, [5, 50, 95]).round(3))
    print("ink by digit", [float(ink[load_digits().target == digit].mean().round(3)) for digit in range(10)])


def main():
    describe_data()
    session = ort.InferenceSession(HERE / "digits.int8.onnx", providers=["CPUExecutionProvider"])
    choices = {
        "recipe": {},
        "ink 0.20": {"ink": 0.20},
        "ink 0.305": {"ink": 0.305},
        "ink 0.34": {"ink": 0.34},
        "width up to 20": {"width_max": 20},
        "width up to 32": {"width_max": 32},
        "aspect kept": {"aspect": "both"},
        "fixed pen 2": {"pen": 2},
        "fixed pen 3": {"pen": 3},
        "fixed pen 4": {"pen": 4},
        "fixed pen 5": {"pen": 5},
    }
    for name, choice in choices.items():
        hands = [measure(session, hand, **choice) for hand in (drawing.STROKES, OTHER_HAND)]
        print(name.ljust(16), *(f"{confusion.trace() / confusion.sum():.3f}" for confusion in hands))
    print(measure(session, OTHER_HAND))


if __name__ == "__main__":
    main()

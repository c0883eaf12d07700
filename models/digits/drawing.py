"""How a drawing becomes the 8x8 block counts that the model was trained on, and strokes to test it with.

The data set was made from 32x32 bitmaps in NIST's normalised form. Its statistics fix the recipe (README.md): every
digit is exactly 8 cells high, 5.9 of 8 wide, centred, and covers 30 % of the frame whatever its class, so strokes are
thicker than a pen draws them. demo/digit-canvas.ts follows the same steps; preprocess-reference.json binds the two.

Source: Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998 (block counts of NIST bitmaps).
"""
import math

import numpy as np

SIDE = 32
INK_RATIO = 0.26  # of the frame; measured best on the strokes below, the data has 0.30
WIDTH_MAX = 24  # pixels; the data's mean is 23.6
PENS = [2.5 + 0.5 * index for index in range(16)]  # pixels of the bitmap


def arc(cx, cy, rx, ry, start, end, count=24):
    angles = np.radians(np.linspace(start, end, count))
    return [[round(cx + rx * math.cos(a), 3), round(cy + ry * math.sin(a), 3)] for a in angles]


# digit -> styles -> strokes -> points in a unit square, y down
STROKES = {
    0: [[arc(0.5, 0.5, 0.3, 0.45, -90, 270, 36)], [arc(0.5, 0.5, 0.22, 0.42, -60, 300, 36)]],
    1: [
        [[[0.5, 0.05], [0.5, 0.95]]],
        [[[0.35, 0.25], [0.55, 0.05], [0.55, 0.95]]],
        [[[0.35, 0.22], [0.52, 0.06], [0.52, 0.94]], [[0.3, 0.94], [0.74, 0.94]]],
    ],
    2: [
        [arc(0.5, 0.3, 0.28, 0.24, -170, 40, 18) + [[0.22, 0.92], [0.8, 0.92]]],
        [arc(0.48, 0.28, 0.25, 0.22, -160, 50, 18) + [[0.25, 0.85], [0.2, 0.93], [0.35, 0.9], [0.8, 0.93]]],
    ],
    3: [
        [arc(0.45, 0.28, 0.27, 0.22, -140, 90, 18) + arc(0.45, 0.72, 0.3, 0.23, -90, 140, 18)],
        [[[0.22, 0.07], [0.75, 0.07], [0.45, 0.4]] + arc(0.45, 0.67, 0.3, 0.27, -90, 140, 18)],
    ],
    4: [
        [[[0.6, 0.05], [0.15, 0.65], [0.85, 0.65]], [[0.65, 0.4], [0.65, 0.95]]],
        [[[0.25, 0.05], [0.22, 0.5], [0.78, 0.5]], [[0.72, 0.05], [0.7, 0.95]]],
    ],
    5: [
        [[[0.75, 0.07], [0.3, 0.07], [0.27, 0.45]] + arc(0.45, 0.67, 0.3, 0.26, -110, 140, 20)],
        [[[0.3, 0.08], [0.28, 0.42]] + arc(0.46, 0.67, 0.28, 0.26, -100, 150, 20), [[0.3, 0.08], [0.78, 0.08]]],
    ],
    6: [
        [[[0.65, 0.05], [0.4, 0.3], [0.25, 0.6]] + arc(0.5, 0.7, 0.27, 0.24, 180, -180, 28)],
        [[[0.55, 0.05], [0.3, 0.4], [0.24, 0.7]] + arc(0.47, 0.72, 0.23, 0.22, 170, -190, 28)],
    ],
    7: [
        [[[0.18, 0.07], [0.8, 0.07], [0.42, 0.95]]],
        [[[0.18, 0.07], [0.8, 0.07], [0.42, 0.95]], [[0.3, 0.5], [0.75, 0.5]]],
    ],
    8: [
        [arc(0.5, 0.27, 0.22, 0.21, 90, 450, 24) + arc(0.5, 0.72, 0.28, 0.23, -90, 270, 28)],
        [arc(0.5, 0.27, 0.2, 0.2, -60, -250, 14) + arc(0.52, 0.72, 0.25, 0.22, -80, 250, 24) + [[0.64, 0.14]]],
    ],
    9: [
        [arc(0.48, 0.3, 0.26, 0.23, 0, -360, 28) + [[0.74, 0.3], [0.7, 0.65], [0.6, 0.95]]],
        [arc(0.48, 0.28, 0.24, 0.22, -10, -370, 28) + [[0.72, 0.5], [0.72, 0.94]]],
    ],
}


def raster(strokes, pen):
    """Pixels whose centre lies within half a pen of a stroke; points in pixels, y down."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    mask = np.zeros((SIDE, SIDE), bool)
    for stroke in strokes:
        points = np.asarray(stroke, float)
        if len(points) == 1:
            points = np.vstack([points, points])
        for a, b in zip(points[:-1], points[1:]):
            d = b - a
            length = (d * d).sum()
            t = np.clip(((x - a[0]) * d[0] + (y - a[1]) * d[1]) / length, 0, 1) if length > 0 else 0
            mask |= (x - a[0] - t * d[0]) ** 2 + (y - a[1] - t * d[1]) ** 2 <= (pen / 2) ** 2
    return mask


def bitmap(strokes):
    """Bounding box scaled to the full height, at most WIDTH_MAX wide, centred; the pen whose ink is nearest INK_RATIO."""
    points = np.vstack([np.asarray(stroke, float) for stroke in strokes])
    low, high = points.min(0), points.max(0)
    size = np.maximum(high - low, 1e-6)
    best = None
    for pen in PENS:
        height = SIDE - pen
        width = min(WIDTH_MAX - pen, height * size[0] / size[1])
        placed = [(np.asarray(stroke, float) - (low + high) / 2) / size * [width, height] + SIDE / 2 for stroke in strokes]
        mask = raster(placed, pen)
        error = abs(mask.mean() - INK_RATIO)
        if best is None or error < best[0]:
            best = (error, mask)
    return best[1]


def block_counts(mask):
    """32x32 bits -> 8x8 counts of set pixels, 0..16."""
    return mask.reshape(8, 4, 8, 4).sum((1, 3)).astype(np.float32)


def jitter(strokes, rng):
    """A person's variation: turn, slant, uneven scale, tremor."""
    turn, slant = rng.uniform(-0.15, 0.15), rng.uniform(-0.25, 0.25)
    scale = np.diag(rng.uniform(0.7, 1.3, 2))
    shape = np.array([[math.cos(turn), -math.sin(turn) + slant], [math.sin(turn), math.cos(turn)]]) @ scale
    return [np.asarray(stroke) @ shape.T + rng.normal(0, 0.008, (len(stroke), 2)) for stroke in strokes]

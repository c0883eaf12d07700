"""Vectors of output steps, made by NumPy: python outputs.py > outputs.json

Non-maximum suppression is written out as torchvision.ops.batched_nms computes it: greedy, by falling score, within a class, a box
is suppressed when its intersection over union with a better one is above the limit.
"""

import json
import sys

import numpy

LABELS = ["cat", "dog", "owl", "fox"]


def softmax(values):
    powers = numpy.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(values):
    return 1 / (1 + numpy.exp(-values))


def nms(corners, scores, classes, limit, is_per_class=True):
    order = numpy.argsort(-scores, kind="stable")
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    kept = []
    while order.size > 0:
        best, rest = order[0], order[1:]
        kept.append(best)
        low = numpy.maximum(corners[best, :2], corners[rest, :2])
        high = numpy.minimum(corners[best, 2:], corners[rest, 2:])
        shared = numpy.prod(numpy.clip(high - low, 0, None), axis=1)
        overlap = shared / (areas[best] + areas[rest] - shared)
        order = rest[(overlap <= limit) | (is_per_class & (classes[rest] != classes[best]))]
    return numpy.array(kept, dtype=int)


def scenes(random, count):
    """Clusters of boxes in a 640 × 640 tensor, as centres and sizes, with scores of four classes."""
    centres = random.uniform(60, 580, (count // 8, 2)).repeat(8, axis=0)
    sizes = random.uniform(30, 160, (count // 8, 2)).repeat(8, axis=0)
    boxes = numpy.concatenate([centres + random.normal(0, 6, centres.shape), sizes * random.uniform(0.85, 1.15, sizes.shape)], axis=1)
    scores = random.uniform(0, 1, (count, 4)) ** 3
    return boxes.astype(numpy.float32), scores.astype(numpy.float32)


def corners_of(boxes):
    return numpy.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)


def found(corners, scores, step, letterbox=None):
    """Boxes over the threshold, thinned out, on a source of 1280 × 720 that was letterboxed into 640 × 640."""
    best, classes = scores.max(axis=1), scores.argmax(axis=1)
    chosen = best >= step["threshold"]
    corners, best, classes = corners[chosen], best[chosen], classes[chosen]
    if "iou" in step:
        kept = nms(corners, best, classes, step["iou"], step.get("isPerClass", True))
    else:
        kept = numpy.argsort(-best, kind="stable")
    kept = kept[: step.get("countMax", 100)]
    corners, best, classes = corners[kept], best[kept], classes[kept]
    if letterbox is not None:
        corners = (corners - numpy.array([0, 140, 0, 140])) * 2
        corners = numpy.clip(corners, 0, numpy.array([1280, 720, 1280, 720]))
    return [
        {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "score": score, "index": int(index), "label": LABELS[index]}
        for (x0, y0, x1, y1), score, index in zip(corners.tolist(), best.tolist(), classes.tolist())
    ]


def flat(array):
    return [round(value, 5) for value in numpy.asarray(array, dtype=numpy.float64).reshape(-1).tolist()]


def detections():
    random = numpy.random.default_rng(7)
    boxes, scores = scenes(random, 64)
    boxes, scores = numpy.round(boxes, 3).astype(numpy.float64), numpy.round(scores, 4).astype(numpy.float64)
    corners = corners_of(boxes)
    values = numpy.concatenate([boxes, scores], axis=1)

    step = {"kind": "boxes", "layout": "columns", "format": "cxcywh", "scores": {"classesFrom": 4}, "threshold": 0.3, "iou": 0.45}
    yield {"name": "YOLOv8 [1, 8, 64]", "dims": [1, 8, 64], "step": step, "data": flat(values.T), "boxes": found(corners, scores, step), "onSource": found(corners, scores, step, True)}
    for changes in [{"isPerClass": False}, {"countMax": 5}, {"iou": 0.8}, {"threshold": 0.95}]:
        changed = {**step, **changes}
        yield {"name": f"YOLOv8, {changes}", "dims": [1, 8, 64], "step": changed, "data": flat(values.T), "boxes": found(corners, scores, changed)}

    objectness = numpy.round(random.uniform(0.2, 1, (64, 1)), 4)
    step = {"kind": "boxes", "format": "cxcywh", "scores": {"classesFrom": 5, "objectness": 4}, "threshold": 0.3, "iou": 0.45}
    yield {"name": "YOLOv5 [1, 64, 9]", "dims": [1, 64, 9], "step": step, "data": flat(numpy.concatenate([boxes, objectness, scores], axis=1)), "boxes": found(corners, scores * objectness, step)}

    rows = numpy.concatenate([corners, scores.max(axis=1, keepdims=True), scores.argmax(axis=1, keepdims=True)], axis=1)
    step = {"kind": "boxes", "format": "xyxy", "scores": {"at": 4, "class": 5}, "threshold": 0.4}
    yield {"name": "YOLOv10 [1, 64, 6]", "dims": [1, 64, 6], "step": step, "data": flat(rows), "boxes": found(corners, scores, step)}

    unit = numpy.round(corners[:, [1, 0, 3, 2]] / 640, 5)
    unit_corners = unit[:, [1, 0, 3, 2]] * 640
    step = {"kind": "boxes", "format": "yxyx", "units": "unit", "scores": {"output": "scores", "classOutput": "classes"}, "threshold": 0.4}
    yield {
        "name": "SSD [1, 64, 4], scores and classes beside it",
        "dims": [1, 64, 4],
        "step": step,
        "data": flat(unit),
        "others": {"scores": {"dims": [1, 64], "data": flat(scores.max(axis=1))}, "classes": {"dims": [1, 64], "data": flat(scores.argmax(axis=1))}},
        "boxes": found(unit_corners, scores, step),
    }

    logits = numpy.round(random.normal(0, 3, (64, 5)), 4)
    centred = numpy.round(boxes / 640, 5)
    step = {"kind": "boxes", "format": "cxcywh", "units": "unit", "scores": {"output": "scores"}, "activation": "softmax", "nothing": 4, "threshold": 0.6}
    yield {
        "name": "DETR [1, 64, 4], logits beside it, the last class is nothing",
        "dims": [1, 64, 4],
        "step": step,
        "data": flat(centred),
        "others": {"scores": {"dims": [1, 64, 5], "data": flat(logits)}},
        "boxes": found(corners_of(centred) * 640, softmax(logits)[:, :4], step),
    }


def scores():
    random = numpy.random.default_rng(11)
    logits = numpy.round(random.normal(0, 4, (2, 10)), 4)
    logits[1, 7] = logits[1, 2]
    return {
        "dims": [2, 10],
        "data": flat(logits),
        "softmax": softmax(logits).tolist(),
        "sigmoid": sigmoid(logits).tolist(),
        "order": numpy.argsort(-logits, axis=-1, kind="stable").tolist(),
    }


json.dump({"made": f"NumPy {numpy.__version__}", "labels": LABELS, "scores": scores(), "detections": list(detections())}, sys.stdout, separators=(",", ":"))
sys.stdout.write("\n")

"""Vectors of picture preprocessing, made by Pillow and NumPy: python pictures.py > pictures.json

Sources are made by a formula that the test repeats, so that they need no room. Results of up to 500 bytes stand in the file,
larger ones as a SHA-256. torchvision's Resize and CenterCrop are written out here as its functional.py has them for PIL images.
"""

import base64
import hashlib
import io
import json
import sys

import numpy
import PIL
from PIL import Image, ImageOps

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]
FILL = (114, 115, 116)
PLAIN_BYTES_MAX = 500


def source(width, height):
    """Noise on a slope: every byte value, hard edges and soft ones."""
    state = (width * 65_536 + height) & 0xFFFFFFFF
    data = bytearray(width * height * 3)
    for at in range(len(data)):
        state = (state * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        x = (at // 3) % width
        data[at] = state >> 24 if (at // 30) % 2 else (x * 255) // width
    return Image.frombytes("RGB", (width, height), bytes(data))


def shortest_then_crop(image, shortest, size, resample):
    """torchvision.transforms.functional: resize([shortest]), center_crop(size)."""
    width, height = image.size
    short, long = (width, height) if width <= height else (height, width)
    other = int(shortest * long / short)
    resized = image.resize((shortest, other) if width <= height else (other, shortest), resample)
    left = int(round((resized.width - size[0]) / 2.0))
    top = int(round((resized.height - size[1]) / 2.0))
    return resized.crop((left, top, left + size[0], top + size[1]))


def fitted(image, fit, size, resample, shortest):
    if fit == "stretch":
        return image.resize(size, resample)
    if fit == "contain":
        return ImageOps.pad(image, size, resample, color=FILL if image.mode == "RGB" else FILL[0], centering=(0.5, 0.5))
    if fit == "cover":
        return ImageOps.fit(image, size, resample, bleed=0.0, centering=(0.5, 0.5))
    return shortest_then_crop(image, shortest, size, resample)


def kept(data):
    digest = {"sha256": hashlib.sha256(data).hexdigest()}
    return {**digest, "base64": base64.b64encode(data).decode()} if len(data) <= PLAIN_BYTES_MAX else digest


def resizes():
    for source_size, size, shortest in [
        ((61, 43), (24, 20), 26),
        ((43, 61), (24, 20), 25),
        ((17, 9), (24, 20), 31),
        ((20, 20), (24, 20), 24),
        ((24, 20), (24, 20), 24),
        ((97, 9), (12, 12), 12),
        ((1, 1), (5, 4), 5),
        ((640, 480), (224, 224), 256),
        ((375, 500), (224, 224), 256),
        ((640, 427), (640, 640), 640),
    ]:
        for fit in ["stretch", "contain", "cover", "shortest-then-crop"]:
            for name, resample in FILTERS.items():
                result = fitted(source(*source_size), fit, size, resample, shortest)
                yield {
                    "source": source_size,
                    "size": size,
                    "fit": fit,
                    "filter": name,
                    **({"shortest": shortest} if fit == "shortest-then-crop" else {}),
                    **kept(result.tobytes()),
                }


def grays():
    for name, resample in FILTERS.items():
        yield {"filter": name, "source": (61, 43), "size": (24, 20), **kept(source(61, 43).convert("L").resize((24, 20), resample).tobytes())}


def normalised():
    pixels = numpy.asarray(source(61, 43).resize((8, 6), Image.Resampling.BILINEAR), dtype=numpy.float32)
    scaled = pixels * numpy.float32(1 / 255)
    values = (scaled - numpy.float32(MEAN)) / numpy.float32(STD)
    return {
        "source": (61, 43),
        "size": (8, 6),
        "mean": MEAN,
        "std": STD,
        "NHWC": values.reshape(-1).tolist(),
        "NCHW": values.transpose(2, 0, 1).reshape(-1).tolist(),
    }


def translucent():
    """Pillow's alpha_composite on black and on white."""
    alpha = Image.frombytes("L", (61, 43), bytes((at * 7) % 256 for at in range(61 * 43)))
    picture = source(61, 43)
    picture.putalpha(alpha)
    for background in [(0, 0, 0), (255, 255, 255)]:
        below = Image.new("RGBA", picture.size, (*background, 255))
        composed = Image.alpha_composite(below, picture).convert("RGB")
        yield {"source": (61, 43), "background": background, **kept(composed.crop((0, 0, 12, 12)).tobytes()), "crop": (12, 12)}


def files():
    """Encoded pictures: one of each EXIF orientation that a camera writes, as JPEG of flat blocks, and a PNG."""
    picture = Image.new("RGB", (48, 32))
    for at, colour in enumerate([(220, 30, 30), (30, 200, 60), (40, 60, 210), (230, 220, 50), (20, 20, 20), (240, 240, 240)]):
        picture.paste(colour, (16 * (at % 3), 16 * (at // 3), 16 * (at % 3) + 16, 16 * (at // 3) + 16))
    for orientation in [1, 3, 6, 8]:
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=95, subsampling=0, exif=exif)
        upright = ImageOps.exif_transpose(Image.open(file))
        yield {"orientation": orientation, "file": base64.b64encode(file.getvalue()).decode(), "size": upright.size, **kept(upright.resize((6, 6), Image.Resampling.BILINEAR).tobytes())}


def png():
    file = io.BytesIO()
    source(61, 43).save(file, "PNG")
    return {"source": (61, 43), "file": base64.b64encode(file.getvalue()).decode()}


json.dump(
    {
        "made": f"Pillow {PIL.__version__}, NumPy {numpy.__version__}",
        "fill": FILL,
        "resizes": list(resizes()),
        "grays": list(grays()),
        "normalised": normalised(),
        "translucent": list(translucent()),
        "files": list(files()),
        "png": png(),
    },
    sys.stdout,
    separators=(",", ":"),
)
sys.stdout.write("\n")

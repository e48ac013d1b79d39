"""Makes images/ and images.json: hard images, and what Pillow and transformers make of them.

Pinned: pillow 13.0.0, transformers 5.23.0, numpy. Run: python make_image_golden.py (writes beside itself).
Images that are there already are kept; what a file decodes to is always computed anew.

Per image: width, height, and SHA-256 of: rgb, the pixels of convert("RGB"); small and large, its resize to
7 x 5 and 90 x 77; pad and crop, LlavaImageProcessor's tensor of 30 x 30 with and without do_pad; stretch,
BlipImageProcessor's of 30 x 30 (MiniGPT-v2's blip_processors gives the same, which is asserted). Some have
the tensors of the real models too: pad336, crop336, stretch448.
"""
import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

HERE = Path(__file__).resolve().parent
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
REAL_SIZES = ("odd.jpg", "long.png", "rgb.png")
# PNG's colour types by channels, and Adam7's passes: first column and row, step in x and y.
COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(values, interlaced=False, extra=b"", colour_type=None):
    """A PNG of [h, w, c] uint8 or uint16 as Pillow cannot write it: interlaced, 16 bits a channel, more chunks."""
    height, width, channels = values.shape
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = b""
    for x, y, step_x, step_y in passes:
        part = values[y::step_y, x::step_x]
        if part.size:
            rows += b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in part)
    kind = COLOUR_TYPE[channels] if colour_type is None else colour_type
    header = struct.pack(">IIBBBBB", width, height, values.dtype.itemsize * 8, kind, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def smooth(state, h, w, c):
    y, x = np.mgrid[0:h, 0:w]
    channels = [127 + 120 * np.sin(0.21 * (k + 1) * x + 0.13 * y) * np.cos(0.17 * y) for k in range(c)]
    return np.clip(np.stack(channels, -1) + state.randn(h, w, c) * 4, 0, 255).astype(np.uint8)


def pillow_images(r):
    """Name -> what saves it."""
    rgb = Image.fromarray(smooth(r, 37, 53, 3))
    palette = rgb.quantize(12)
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "rgb.png": lambda p: rgb.save(p),
        "rgba.png": lambda p: Image.fromarray(smooth(r, 40, 21, 4), "RGBA").save(p),
        "grey_alpha.png": lambda p: Image.fromarray(smooth(r, 17, 19, 2), "LA").save(p),
        "grey.png": lambda p: Image.fromarray(smooth(r, 23, 31, 1)[..., 0]).save(p),
        "bilevel.png": lambda p: Image.fromarray(smooth(r, 23, 31, 1)[..., 0] > 127).save(p),
        "grey16.png": lambda p: Image.fromarray(smooth(r, 20, 20, 1)[..., 0].astype(np.uint16) * 3).save(p),
        "palette.png": lambda p: palette.save(p),
        "palette_transparent.png": lambda p: palette.save(p, transparency=3),
        "palette_2bit.png": lambda p: rgb.quantize(4).save(p, bits=2),
        "one.png": lambda p: Image.fromarray(smooth(r, 1, 1, 3)).save(p),
        "strip.png": lambda p: Image.fromarray(smooth(r, 3, 400, 3)).save(p),
        "square.png": lambda p: Image.fromarray(smooth(r, 64, 64, 3)).save(p),
        "model_size.png": lambda p: Image.fromarray(smooth(r, 16, 16, 3)).save(p),
        "long.png": lambda p: Image.fromarray(np.tile(smooth(r, 10, 40, 3), (1, 100, 1))).save(p),  # 4000 x 10
        "long.jpg": lambda p: Image.fromarray(np.tile(smooth(r, 10, 40, 3), (1, 100, 1))).save(p, quality=40),
        "tall.png": lambda p: Image.fromarray(np.tile(smooth(r, 40, 10, 3), (100, 1, 1))).save(p),  # 10 x 4000
        "rgb.jpg": lambda p: rgb.save(p, quality=85),
        "rgb444.jpg": lambda p: rgb.save(p, quality=95, subsampling=0),
        "rgb422.jpg": lambda p: rgb.save(p, quality=80, subsampling=1),
        "odd.jpg": lambda p: Image.fromarray(smooth(r, 17, 33, 3)).save(p, quality=75),  # 33 x 17 at half colour
        "one.jpg": lambda p: Image.fromarray(smooth(r, 1, 1, 3)).save(p),
        "restart.jpg": lambda p: rgb.save(p, quality=60, restart_marker_blocks=1),
        "progressive.jpg": lambda p: rgb.save(p, quality=70, progressive=True),
        "progressive_grey.jpg": lambda p: rgb.convert("L").save(p, quality=70, progressive=True),
        "grey.jpg": lambda p: rgb.convert("L").save(p),
        "cmyk.jpg": lambda p: rgb.convert("CMYK").save(p),
        "rotated.jpg": lambda p: rgb.save(p, exif=exif),
    }


def handmade_images(r):
    """Name -> bytes."""
    values = smooth(r, 19, 27, 4)
    wide = (values.astype(np.uint16) * 257) ^ 0x55  # low bytes that differ from the high ones
    palette = chunk(b"PLTE", smooth(r, 1, 256, 3).tobytes())
    gamma = chunk(b"gAMA", struct.pack(">I", 45455 * 2))
    return {
        "interlaced.png": png(values[..., :3], interlaced=True),
        "interlaced_rgba.png": png(values, interlaced=True),
        "interlaced_grey.png": png(values[:5, :3, :1], interlaced=True),  # some passes are empty
        "interlaced_palette.png": png(values[..., :1], interlaced=True, extra=palette, colour_type=3),
        "rgb16.png": png(wide[..., :3]),
        "rgba16.png": png(wide, interlaced=True),
        "grey_alpha16.png": png(wide[..., :2]),
        "grey_transparent.png": png(values[..., :1], extra=chunk(b"tRNS", b"\0\x7f")),
        "rgb_transparent.png": png(values[..., :3], extra=chunk(b"tRNS", values[3, 4, :3].astype(">u2").tobytes())),
        "gamma.png": png(values[..., :3], extra=gamma),
    }


def make_images(folder):
    folder.mkdir(exist_ok=True)
    for state, images in ((np.random.RandomState(4), pillow_images), (np.random.RandomState(6), handmade_images)):
        for name, image in images(state).items():
            if (folder / name).exists():
                continue
            (folder / name).write_bytes(image) if isinstance(image, bytes) else image(folder / name)


def digest(values):
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def llava_tensor(image, size, pad):
    processor = LlavaImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size}, do_pad=pad)
    return processor(image, return_tensors="np")["pixel_values"][0].astype(np.float32)


def stretched_tensor(image, size):
    """BlipImageProcessor's, and blip_processors.Blip2ImageEvalProcessor's: torchvision's Resize of both sides
    (Pillow's, for a Pillow image), ToTensor (a float32 division) and Normalize."""
    processor = BlipImageProcessorPil(size={"height": size, "width": size}, image_mean=MEAN, image_std=STD)
    found = processor(image, return_tensors="np")["pixel_values"][0].astype(np.float32)
    official = np.asarray(image.resize((size, size), Image.BICUBIC)).astype(np.float32).transpose(2, 0, 1) / np.float32(255)
    mean, std = (np.asarray(x, np.float32)[:, None, None] for x in (MEAN, STD))
    assert np.array_equal(found, (official - mean) / std)
    return found


def describe(path):
    # A new image: convert("RGB") keeps a palette's transparency in .info, and transformers 5 (not the official code)
    # would blend it onto white.
    image = Image.fromarray(np.asarray(Image.open(path).convert("RGB")))
    entry = dict(width=image.width, height=image.height, rgb=digest(np.asarray(image)))
    entry["pad"], entry["crop"] = (digest(llava_tensor(image, 30, pad)) for pad in (True, False))
    entry["stretch"] = digest(stretched_tensor(image, 30))
    entry["small"] = digest(np.asarray(image.resize((7, 5), Image.BICUBIC)))
    entry["large"] = digest(np.asarray(image.resize((90, 77), Image.BICUBIC)))
    if path.name in REAL_SIZES:
        entry["pad336"], entry["crop336"] = (digest(llava_tensor(image, 336, pad)) for pad in (True, False))
        entry["stretch448"] = digest(stretched_tensor(image, 448))
    return entry


def main():
    folder = HERE / "images"
    make_images(folder)
    golden = {path.name: describe(path) for path in sorted(folder.iterdir())}
    (HERE / "images.json").write_text(json.dumps(golden, indent=1))


if __name__ == "__main__":
    main()

"""Data files that cannot be read, each with the dataset that is to read it.

Load it with ``runpy.run_path``, as ``fixtures_small.py``. A case is a function of an empty folder, which it
fills, and returns the catalog entry of the raw data.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import tarfile
import zlib
from functools import cache, partial

import numpy as np
import pandas as pd
from PIL import Image

CASES = {}
IMAGES = "fedexperts.datasets.images.ImagesDataset"
TEXTS = "fedexperts.datasets.text_table.TextTableDataset"
IDX = "fedexperts.datasets.torchvision.TorchvisionDataset"
PARTS = (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97)


def add(name, write):
    assert name not in CASES, name
    CASES[name] = write


def put(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@cache
def picture(kind="PNG", mode="RGB", size=(6, 4), seed=0):
    shape = size[::-1] if mode in {"L", "P"} else (*size[::-1], len(mode))
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, kind)
    return file.getvalue()


def png(width, height, data=b"\0"):
    """A PNG whose header says what it likes."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


# Folders of images: two that are well, and one that is not.


def image_folder(folder, content, name="dog/bad.png"):
    put(folder / "raw", {"cat/a.png": picture(), "dog/b.png": picture(seed=1), name: content})
    return {"type": IMAGES, "filepath": str(folder / "raw")}


for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
    whole = picture(kind, size=(40, 30))
    for part in (0.2, 0.6, 0.9) if kind != "GIF" else (0.01, 0.2):
        add(f"{kind} cut at {part}", partial(image_folder, content=whole[: int(len(whole) * part)]))
for name, content in {
    "nothing": b"",
    "garbage": np.random.default_rng(0).bytes(3000),
    "zeros": bytes(3000),
    "text": b"this is no image",
    "web page": b"<html><body>404</body></html>",
    "signature alone": b"\x89PNG\r\n\x1a\n",
    "bomb of 10^10 pixels": png(100_000, 100_000, bytes(1000)),
    "bomb of 10^8 pixels": png(10_000, 10_000, bytes(1000)),
    "more pixels than any": png(2**31 - 1, 2**31 - 1),
    "no width": png(0, 5),
    "no height": png(5, 0),
    "no pixels": png(6, 4),
    "grey": picture(mode="L"),
    "transparent": picture(mode="RGBA"),
    "printer's colours": picture("TIFF", mode="CMYK"),
    "another size": picture(size=(7, 4)),
    "bitmap of a negative size": b"BM"
    + struct.pack("<IHHIIiiHH", 100, 0, 0, 54, 40, -5, -5, 1, 24)
    + bytes(40),
    "bitmap of 10^18 pixels": b"BM"
    + struct.pack("<IHHIIiiHH", 100, 0, 0, 54, 40, 2**30, 2**30, 1, 24)
    + bytes(40),
    "icon of nothing": b"\0\0\1\0\1\0" + bytes(16),
    "tar in place of an image": bytes(1024),
}.items():
    add(f"image: {name}", partial(image_folder, content=content))
add("image too deep", partial(image_folder, content=picture(), name="dog/deeper/a.png"))


def empty_class(folder):
    (folder / "raw" / "emu").mkdir(parents=True)
    return image_folder(folder, picture())


def one_class(folder):
    put(folder / "raw", {"cat/a.png": picture(), "cat/b.png": picture()})
    return {"type": IMAGES, "filepath": str(folder / "raw")}


def no_classes(folder):
    put(folder / "raw", {"a.png": picture()})
    return {"type": IMAGES, "filepath": str(folder / "raw")}


def pipe(folder):
    entry = image_folder(folder, picture())
    os.mkfifo(folder / "raw" / "dog" / "pipe.png")
    return entry


def dangling_link(folder):
    entry = image_folder(folder, picture())
    (folder / "raw" / "dog" / "link.png").symlink_to("/not/there.png")
    return entry


def link_in_a_circle(folder):
    entry = image_folder(folder, picture())
    (folder / "raw" / "dog" / "circle.png").symlink_to("circle.png")
    return entry


def folder_named_like_an_image(folder):
    (folder / "raw" / "dog" / "folder.png").mkdir(parents=True)
    put(folder / "raw", {"dog/folder.png/x.png": picture()})
    return image_folder(folder, picture())


for write in (
    empty_class,
    one_class,
    no_classes,
    pipe,
    dangling_link,
    link_in_a_circle,
    folder_named_like_an_image,
):
    add(f"images: {write.__name__}", write)
for name, place in {
    "nowhere": "/not/there",
    "a device": "/dev/null",
    "a name that is too long": "/" + "x" * 300,
}.items():
    add(
        f"images in {name}",
        partial(lambda _, place: {"type": IMAGES, "filepath": "x", "path": place}, place=place),
    )


# Archives of images.


def member(name, content=b"", **changes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in changes.items():
        setattr(info, field, value)
    return info, content


GOOD = [member("cat/a.png", picture()), member("dog/b.png", picture(seed=1))]


@cache
def packed(mode="w"):
    return pack(GOOD, mode)


def pack(members, mode="w"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def archive(folder, content, name="raw.tar"):
    put(folder, {name: content})
    return {"type": IMAGES, "filepath": "x", "path": str(folder / name)}


def lying(size):
    """An archive whose second header claims another size."""
    whole = bytearray(pack([GOOD[0]])[:1024]) + bytearray(pack([GOOD[1]]))
    claimed = b"\x80" + size.to_bytes(11, "big")
    whole[1024 + 124 : 1024 + 136] = claimed
    whole[1024 + 148 : 1024 + 156] = b" " * 8
    whole[1024 + 148 : 1024 + 156] = b"%06o\0 " % sum(whole[1024:1536])
    return bytes(whole)


for name in (
    "../evil.png",
    "/fedexperts_evil.png",
    "cat/../../evil.png",
    "..",
    "cat/./../../../etc/x.png",
):
    add(f"archive with {name!r}", partial(archive, content=pack([*GOOD, member(name, picture())])))
for name, kind in {
    "link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "device": tarfile.CHRTYPE,
    "pipe": tarfile.FIFOTYPE,
}.items():
    strange = member("dog/x.png", type=kind, linkname="/etc/passwd")
    add(f"archive with a {name}", partial(archive, content=pack([*GOOD, strange])))
for mode in ("w", "w:gz", "w:bz2", "w:xz"):
    for part in (0.1, 0.4, 0.8) if mode != "w" else (0.02, 0.1, 0.15):
        content = packed(mode)[: int(len(packed(mode)) * part)]
        add(f"archive {mode} cut at {part}", partial(archive, content=content))
    damaged = bytearray(packed(mode))
    damaged[len(damaged) // 20 + 5 : len(damaged) // 20 + 25] = b"\xff" * 20
    if mode != "w":
        add(f"archive {mode} damaged", partial(archive, content=bytes(damaged)))
for name, content in {
    "nothing": b"",
    "garbage": np.random.default_rng(1).bytes(5000),
    "a web page": b"<html>404</html>",
    "gzip of garbage": gzip.compress(np.random.default_rng(1).bytes(5000)),
    "zeros": bytes(10_240),
    "a zip": b"PK\x03\x04" + bytes(100),
    "a member of 10^12 bytes": lying(10**12),
    "a member of 2^80 bytes": lying(2**80),
    "a name that is no text": pack([*GOOD, member("dog/\udcff\udcfe.png", b"no image")]),
    "an image that is none": pack([*GOOD, member("dog/c.png", b"no image")]),
    "an empty class": pack([*GOOD, member("emu", type=tarfile.DIRTYPE)]),
}.items():
    add(f"archive: {name}", partial(archive, content=content))


# Tables of texts.

ROWS = "text,label\n" + "".join(f"some words {row},{'ab'[row % 2]}\n" for row in range(50))


def table(folder, content, name="raw.csv", **columns):
    put(folder, {name: content.encode() if isinstance(content, str) else content})
    entry = {"type": TEXTS, "filepath": "x", "path": str(folder / name), "text": ["text"], "label": "label"}
    return {**entry, **columns}


def parquet(frame):
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


FRAME = pd.DataFrame({"text": [f"some words {row}" for row in range(500)], "label": ["a", "b"] * 250})
PARQUET = parquet(FRAME)

for name, content in {
    "nothing": "",
    "blank lines": "\n\n\n",
    "names alone": "text,label\n",
    "no label column": "text,class\na,b\n",
    "no text column": "body,label\na,b\n",
    "a field too few": ROWS + "alone\n",
    "a field too many": ROWS + "a,b,c\n",
    "a quote that never ends": ROWS + '"open,a\n',
    "a quote in the middle": ROWS + '"words" and more,a\n',
    "a quote after a quote": ROWS + '"a"b",a\n',
    "a label that is empty": ROWS + "words,\n",
    "semicolons": ROWS.replace(",", ";"),
    "tabs": ROWS.replace(",", "\t"),
    "Latin-1": ROWS.encode() + "schön,a\n".encode("latin-1"),
    "UTF-16": ROWS.encode("utf-16"),
    "UTF-32": ROWS.encode("utf-32"),
    "NUL bytes": ROWS.encode() + b"\0\0\0\0\n",
    "garbage": np.random.default_rng(2).bytes(3000),
    "one class": "text,label\nfirst,a\nsecond,a\n",
    "a web page": "<html>\n<body>404</body>\n</html>\n",
    "JSON": json.dumps([{"text": "a", "label": "b"}]),
}.items():
    add(f"table: {name}", partial(table, content=content))
for part in PARTS:
    cut = gzip.compress(ROWS.encode(), mtime=0)
    add(f"table.csv.gz cut at {part}", partial(table, content=cut[: int(len(cut) * part)], name="raw.csv.gz"))
    add(
        f"parquet cut at {part}",
        partial(table, content=PARQUET[: int(len(PARQUET) * part)], name="raw.parquet"),
    )
for name, content in {
    "garbage": np.random.default_rng(3).bytes(3000),
    "magic alone": b"PAR1PAR1",
    "a footer of 10^9 bytes": b"PAR1" + bytes(100) + struct.pack("<I", 10**9) + b"PAR1",
    "no label column": parquet(FRAME[["text"]]),
    "a missing label": parquet(FRAME.assign(label=None)),
    "bytes": parquet(FRAME.assign(text=[b"\xff\xfe"] * 500)),
    "no rows": parquet(FRAME[:0]),
    "CSV": ROWS.encode(),
}.items():
    add(f"parquet: {name}", partial(table, content=content, name="raw.parquet"))
add("table.csv.gz: no gzip", partial(table, content=ROWS, name="raw.csv.gz"))
add("table: another suffix", partial(table, content=ROWS, name="raw.txt"))
add(
    "table: opt-in that is neither",
    partial(table, content=ROWS.replace("text,", "x,text,").replace("some", "maybe,some"), opt_in="x"),
)
add("table: a class that is unknown", partial(table, content=ROWS, class_names={"a": "A"}))
add(
    "table: only a part of the classes",
    partial(table, content=ROWS, class_names={"a": "A", "b": "B", "c": "C"}),
)
for address in (
    "http://[bad/x.csv",
    "nothing://x.csv",
    "file:///not/there.csv",
    "http://",
    "file:///etc/passwd",
):
    add(
        f"table at {address}",
        partial(
            lambda folder, address: {
                "type": TEXTS,
                "filepath": str(folder / "raw"),
                "path": address,
                "text": ["text"],
                "label": "label",
            },
            address=address,
        ),
    )
add(
    "table whose name leads away",
    lambda folder: {
        "type": TEXTS,
        "filepath": str(folder / "raw"),
        "text": ["text"],
        "label": "label",
        "files": [{"name": "../../evil.csv", "url": "file:///etc/passwd"}],
    },
)


# IDX files, as MNIST has them.

LABELS = (np.arange(20) % 10).astype(np.uint8)
PIXELS = np.random.default_rng(4).integers(0, 256, (20, 4, 5), dtype=np.uint8)


def idx(array, shape=None, magic=b"\0\0\x08"):
    sizes = b"".join(size.to_bytes(4, "big") for size in (array.shape if shape is None else shape))
    return magic + bytes([array.ndim if shape is None else len(shape)]) + sizes + array.tobytes()


def benchmark(folder, **replaced):
    files = {"train-images-idx3-ubyte": idx(PIXELS), "train-labels-idx1-ubyte": idx(LABELS)}
    files |= {name.replace("train", "t10k"): content for name, content in files.items()}
    for name, content in replaced.items():
        split, kind, *zipped = name.split("_")
        stem = f"{split}-{'images-idx3' if kind == 'images' else 'labels-idx1'}-ubyte"
        del files[stem]
        if content is not None:
            files[stem + ".gz" * bool(zipped)] = content
    put(folder / "raw", files)
    return {"type": IDX, "dataset": "mnist", "filepath": "x", "path": str(folder / "raw"), "verify": False}


for name, content in {
    "nothing": b"",
    "three bytes": b"\0\0\x08",
    "another magic number": idx(PIXELS, magic=b"\1\2\x08"),
    "another type": idx(PIXELS, magic=b"\0\0\x0d"),
    "one dimension": idx(LABELS),
    "header alone": idx(PIXELS)[:16],
    "half": idx(PIXELS)[:200],
    "one byte too many": idx(PIXELS) + b"\0",
    "10^12 items": idx(PIXELS, shape=(10**4, 10**4, 10**4)),
    "2^96 items": idx(PIXELS, shape=(2**32 - 1,) * 3),
    "no items": idx(PIXELS[:0]),
    "images of no pixels": idx(PIXELS, shape=(20, 0, 5))[:16],
    "other images in the test": idx(PIXELS[:, :2]),
    "fewer images than labels": idx(PIXELS[:7]),
    "garbage": np.random.default_rng(5).bytes(500),
}.items():
    add(f"IDX images: {name}", partial(benchmark, train_images=content))
for name, content in {
    "beyond the classes": idx(LABELS + 200),
    "of one class": idx(LABELS * 0),
    "none": None,
    "images in place of": idx(PIXELS),
    "cut": idx(LABELS)[:-3],
}.items():
    both = {"train_labels": content, "t10k_labels": content}
    add(f"IDX labels {name}", partial(benchmark, **both))
for name, content in {
    "no gzip": idx(PIXELS),
    "cut": gzip.compress(idx(PIXELS))[:-20],
    "garbage behind it": gzip.compress(idx(PIXELS)) + b"garbage",
    "wrong checksum": gzip.compress(idx(PIXELS))[:-8] + bytes(8),
    "of a gigabyte of zeros": gzip.compress(idx(PIXELS), 1) + gzip.compress(bytes(10**7), 1) * 100,
    "nothing": b"",
}.items():
    add(f"IDX gzip: {name}", partial(benchmark, train_images_gz=content))


# CIFAR, whose pickles are opened only if they are the official ones.


def cifar(folder, content, name="cifar-10-python.tar.gz"):
    put(folder, {name: content})
    return {"type": IDX, "dataset": "cifar10", "filepath": "x", "path": str(folder / name)}


def harmful(folder):
    return f"cos\nsystem\n(S'touch {folder}/evil'\ntR.".encode()


for name, content in {
    "nothing": b"",
    "garbage": np.random.default_rng(6).bytes(2000),
    "another archive": pack(GOOD, "w:gz"),
    "batches that are links": pack(
        [member("cifar-10-batches-py/data_batch_1", type=tarfile.SYMTYPE, linkname="/etc/passwd")]
    ),
    "batches of garbage": pack([member("cifar-10-batches-py/data_batch_1", b"garbage")]),
}.items():
    add(f"CIFAR: {name}", partial(cifar, content=content))
add(
    "CIFAR: batches that run a command",
    lambda folder: cifar(folder, pack([member("cifar-10-batches-py/data_batch_1", harmful(folder))])),
)

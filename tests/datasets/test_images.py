"""Your own images, in folders and archives, whole and broken."""

from __future__ import annotations

import gzip
import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from fedexperts.datasets.errors import DataError
from fedexperts.datasets.images import ImagesDataset


def png(shade, *, size=(4, 6), mode="RGB", kind="PNG"):
    """An image of one shade; size is width and height."""
    file = io.BytesIO()
    Image.new(mode, size, shade).save(file, kind)
    return file.getvalue()


def red(value):
    return png((value, 0, 0))


def half(kind):
    noise = np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()[: len(file.getvalue()) // 2]


HALF_A_PNG, HALF_A_JPEG = half("PNG"), half("JPEG")
CATS_AND_DOGS = {"dog/b.png": red(2), "cat/z.png": red(1), "cat/a.png": red(0), "dog/c.png": red(3)}


def write_folder(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_tar(path, files, *, folders=(), links=(), mode="w"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name in folders:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "elsewhere"
            tar.addfile(member)
    return path


def load(path, **settings):
    return ImagesDataset(filepath="not/used", path=str(path), **settings).load()


def check_cats_and_dogs(examples):
    assert examples.class_names == ("cat", "dog")
    assert examples.labels.tolist() == [0, 0, 1, 1]
    assert examples.features.shape == (4, 3, 6, 4)
    assert examples.features.dtype == np.uint8
    np.testing.assert_array_equal(examples.features[:, 0, 0, 0], [0, 1, 2, 3])
    assert examples.features[:, 1:].max() == 0


def test_a_folder_of_classes(tmp_path):
    write_folder(tmp_path, CATS_AND_DOGS)
    # neither hidden files nor what lies beside the classes is an image
    write_folder(
        tmp_path,
        {
            "cat/.DS_Store": b"x",
            "LICENSE": b"x",
            "cat/Thumbs.db": b"x",
            ".git/config": b"x",
            "._cat.tar.gz": b"x",
        },
    )
    check_cats_and_dogs(load(tmp_path))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_an_archive_of_classes(tmp_path, mode):
    folders = ["./", "./cat", "./dog"]
    files = {f"./{name}": content for name, content in CATS_AND_DOGS.items()}
    check_cats_and_dogs(load(write_tar(tmp_path / "images.tar", files, folders=folders, mode=mode)))


def test_the_project_folder_is_the_default(tmp_path):
    write_folder(tmp_path, CATS_AND_DOGS)
    check_cats_and_dogs(ImagesDataset(filepath=tmp_path).load())


def splits(names):
    return {f"{split}/{name}": CATS_AND_DOGS[name] for split, name in names}


SPLIT = [("test", "cat/a.png"), ("train", "dog/b.png"), ("train", "cat/z.png"), ("train", "dog/c.png")]


@pytest.mark.parametrize("form", ["folder", "archive", "archive in a folder", "archive per split"])
def test_splits_are_put_together(tmp_path, form):
    files = splits(SPLIT)
    if form == "folder":
        place = write_folder(tmp_path, files)
    elif form == "archive":
        place = write_tar(tmp_path / "all.tgz", files, mode="w:gz")
    elif form == "archive in a folder":
        # an archive that was packed with the folder around it
        place = write_tar(tmp_path / "all.tar", {f"all/{name}": content for name, content in files.items()})
    else:
        place = tmp_path
        for split in ("train", "test"):
            inside = {name: CATS_AND_DOGS[name] for part, name in SPLIT if part == split}
            write_tar(tmp_path / f"{split}.tar", inside)
        (tmp_path / "README.md").write_text("not an image")
    examples = load(place)
    check_cats_and_dogs(examples)
    assert examples.official_test.tolist() == [True, False, False, False]


def test_a_class_may_be_missing_from_one_split(tmp_path):
    write_folder(tmp_path, splits(SPLIT))
    (tmp_path / "test" / "dog").mkdir()
    check_cats_and_dogs(load(tmp_path))


@pytest.mark.parametrize("archive", [True, False])
def test_an_empty_class(tmp_path, archive):
    if archive:
        place = write_tar(tmp_path / "x.tar", CATS_AND_DOGS, folders=["cat", "emu"])
    else:
        place = write_folder(tmp_path, CATS_AND_DOGS)
        (tmp_path / "emu").mkdir()
        (tmp_path / "emu" / ".gitkeep").touch()
    with pytest.raises(DataError, match="no images of the class emu"):
        load(place)


@pytest.mark.parametrize("content", [b"no image", b"", red(1)[:30], HALF_A_PNG, HALF_A_JPEG], ids=range(5))
@pytest.mark.parametrize("archive", [True, False])
def test_an_unreadable_image_is_named(tmp_path, content, archive):
    files = {**CATS_AND_DOGS, "dog/broken.png": content}
    place = write_tar(tmp_path / "x.tar", files) if archive else write_folder(tmp_path, files)
    with pytest.raises(DataError, match=r"dog/broken\.png cannot be read as an image"):
        load(place)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_half_an_archive_is_not_taken_for_whole(tmp_path, kept, mode):
    files = {f"cat/{number}.bmp": png((number, 0, 0), kind="BMP", size=(20, 20)) for number in range(20)}
    path = write_tar(tmp_path / "x.tar", files, mode=mode)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match=r"x\.tar is damaged, incomplete or no tar archive"):
        load(path)


def test_an_archive_cut_between_two_files(tmp_path):
    path = write_tar(tmp_path / "x.tar", CATS_AND_DOGS)
    # each small file takes a block for its header and one for its content
    path.write_bytes(path.read_bytes()[: 2 * 2 * 512])
    with pytest.raises(DataError, match="breaks off after 2 files"):
        load(path)


def test_a_file_that_is_no_archive(tmp_path):
    (tmp_path / "images.tar").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match="no tar archive"):
        load(tmp_path / "images.tar")


@pytest.mark.parametrize("name", ["../cat/a.png", "/cat/a.png", "cat/../../dog/a.png"])
def test_names_that_lead_out_of_the_archive(tmp_path, name):
    path = write_tar(tmp_path / "x.tar", {name: red(0)})
    with pytest.raises(DataError, match="leads out of the archive"):
        load(path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.tar"]


def test_links_in_an_archive(tmp_path):
    with pytest.raises(DataError, match=r"'cat/link\.png', which is a link"):
        load(write_tar(tmp_path / "x.tar", CATS_AND_DOGS, links=["cat/link.png"]))


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match=r"no images in .*gone.*<class>/<file>.*--params data\.path="):
        load(tmp_path / "gone")
    with pytest.raises(DataError, match="no images in folders of their classes"):
        load(tmp_path)
    with pytest.raises(DataError, match="no images in folders of their classes"):
        load(write_tar(tmp_path / "flat.tar", {"a.png": red(0)}))


def test_images_at_different_depths(tmp_path):
    write_folder(tmp_path, {**CATS_AND_DOGS, "train/cat/x.png": red(0)})
    with pytest.raises(DataError, match=r"equally deep, but there are .*png and .*train/cat/x\.png"):
        load(tmp_path)


def test_images_of_different_sizes(tmp_path):
    write_folder(tmp_path, {**CATS_AND_DOGS, "dog/big.png": png((9, 9, 9), size=(8, 8))})
    with pytest.raises(
        DataError, match=r"alike: .*3 channels of 6 x 4 .*big\.png has .* 8 x 8.*set image_size"
    ):
        load(tmp_path)
    assert load(tmp_path, image_size=5).features.shape == (5, 3, 5, 5)
    assert load(tmp_path, image_size=[7, 5]).features.shape == (5, 3, 7, 5)


def test_images_of_different_colours(tmp_path):
    write_folder(tmp_path, {**CATS_AND_DOGS, "dog/grey.png": png(100, mode="L")})
    with pytest.raises(DataError, match=r"grey\.png has 1 channels"):
        load(tmp_path)
    assert load(tmp_path, channels=3).features[-1].tolist() == np.full((3, 6, 4), 100).tolist()
    assert load(tmp_path, channels=1).features.shape == (5, 1, 6, 4)


def test_kinds_of_colours_that_need_converting(tmp_path):
    write_folder(tmp_path, {"cat/a.png": png((1, 2, 3, 4), mode="RGBA"), "dog/b.png": png((1, 2, 3))})
    with pytest.raises(DataError, match="kind RGBA; set channels to 1"):
        load(tmp_path)
    assert load(tmp_path, channels=3).features[0, :, 0, 0].tolist() == [1, 2, 3]


def test_more_than_8_bits_are_refused(tmp_path):
    write_folder(tmp_path, {"cat/a.png": png(40_000, mode="I;16"), "dog/b.png": png(1, mode="L")})
    with pytest.raises(DataError, match=r"a\.png has more than 8 bits"):
        load(tmp_path, channels=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": [3]}, "height and width"),
        ({"image_size": 0}, "height and width"),
        ({"channels": 2}, "1 or 3"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(DataError, match=message):
        ImagesDataset(filepath="x", **settings)

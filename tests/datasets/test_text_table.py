"""Texts from CSV and Parquet, whole and broken."""

from __future__ import annotations

import gzip
import hashlib

import pandas as pd
import pytest

from fedexperts.datasets.errors import DataError
from fedexperts.datasets.text_table import TextTableDataset

NEWS = {
    "train.csv": '"3","Wall St. ""Bears""","Short-sellers,\nagain"\n"1","Vote","Polls open"\n',
    "test.csv": '"4","Rocket","Launch \\date"\n',
}
NAMED = "text,label,share\nGood film,pos,yes\nBad film,neg,no\n"


def checksum(text, algorithm="md5"):
    return f"{algorithm}:{hashlib.new(algorithm, text.encode()).hexdigest()}"


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


def news(filepath, path=None, *, served="/not/here", sums=checksum):
    return TextTableDataset(
        filepath=filepath,
        path=None if path is None else str(path),
        header=["class", "title", "description"],
        text=["title", "description"],
        label="class",
        class_names={1: "World", 2: "Sports", 3: "Business", "4": "Sci/Tech"},
        files=[
            {"name": name, "url": f"file://{served}/{name}", "checksum": sums(text)}
            for name, text in NEWS.items()
        ],
        page="https://example.org/news",
    )


def own(path, **settings):
    return TextTableDataset(
        filepath="not/used", path=str(path), **{"text": ["text"], "label": "label", **settings}
    )


def check_news(examples):
    assert examples.features.tolist() == [
        'Wall St. "Bears" Short-sellers,\nagain',
        "Vote Polls open",
        "Rocket Launch \\date",
    ]
    assert examples.labels.tolist() == [2, 0, 3]
    assert examples.class_names == ("World", "Sports", "Business", "Sci/Tech")
    assert examples.official_test.tolist() == [False, False, True]


def test_news_in_ones_own_folder(tmp_path):
    check_news(news("not/used", write(tmp_path, NEWS)).load())


@pytest.mark.parametrize(
    ("name", "is_test"),
    [("test", True), ("news-test", True), ("NEWS_Test", True), ("latest", False), ("test-news", False)],
)
def test_a_table_called_test_is_for_tests(tmp_path, name, is_test):
    for file in ("train", name):
        (tmp_path / f"{file}.csv").write_text("text,label\nsome words,a\nothers,b\n")
    found = own(tmp_path).load().official_test
    assert (found is not None and found.sum() == 2) == is_test


def test_news_gzipped(tmp_path):
    for name, text in NEWS.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    check_news(news("not/used", tmp_path).load())


def test_news_downloaded_once(tmp_path):
    served = write(tmp_path / "served", NEWS)
    dataset = news(tmp_path / "raw", served=served)
    check_news(dataset.load())
    (served / "train.csv").unlink()
    check_news(dataset.load())


def test_news_without_a_network(tmp_path):
    with pytest.raises(DataError, match=r"cannot download train\.csv.*example\.org/news, put it into .*raw"):
        news(tmp_path / "raw").load()


def test_a_download_with_the_wrong_checksum(tmp_path):
    served = write(tmp_path / "served", {**NEWS, "test.csv": NEWS["test.csv"][:-5]})
    with pytest.raises(DataError, match=r"cannot download test\.csv.*md5 checksum is"):
        news(tmp_path / "raw", served=served).load()


def test_a_file_put_there_by_hand_must_be_the_right_one(tmp_path):
    raw = write(tmp_path / "raw", {**NEWS, "train.csv": "something else"})
    with pytest.raises(DataError, match=r"train\.csv is damaged.*sha256 checksum.*Delete it"):
        news(raw, sums=lambda text: checksum(text, "sha256")).load()


def test_a_part_of_the_news_is_taken_from_ones_own_folder_with_a_warning(tmp_path, caplog):
    part = NEWS["train.csv"].splitlines(keepends=True)[2]
    examples = news("not/used", write(tmp_path, {**NEWS, "train.csv": part})).load()
    assert len(examples) == 2
    assert "train.csv is not the official file" in caplog.text


def test_a_missing_file_of_the_news(tmp_path):
    (write(tmp_path, NEWS) / "test.csv").unlink()
    with pytest.raises(DataError, match=r"no test\.csv or test\.csv\.gz in .*example\.org/news"):
        news("x", tmp_path).load()


def test_one_file_by_its_path(tmp_path):
    assert len(news("x", write(tmp_path, NEWS) / "test.csv").load()) == 1


def test_addresses(tmp_path):
    served = write(tmp_path / "served", NEWS)
    check_news(news(tmp_path / "raw", f"file://{served}/").load())
    assert len(news(tmp_path / "raw", f"file://{served}/test.csv").load()) == 1
    for file in served.iterdir():
        file.unlink()
    check_news(news(tmp_path / "raw", f"file://{served}/").load())
    # what was downloaded from elsewhere is not taken for the data set's own
    assert [file.name for file in (tmp_path / "raw").iterdir()] == ["downloaded"]
    dataset = TextTableDataset(filepath=tmp_path, path="s3://bucket/folder/", text=["text"], label="label")
    with pytest.raises(DataError, match="name one file instead"):
        dataset.load()


def test_a_class_that_the_news_do_not_have(tmp_path):
    write(tmp_path, {**NEWS, "test.csv": '"5","a","b"\n'})
    with pytest.raises(
        DataError, match="the column class holds '5', which is none of the classes 1, 2, 3, 4"
    ):
        news("x", tmp_path).load()


@pytest.mark.parametrize("name", ["texts.csv", "texts.csv.gz", "texts.tsv", "texts.parquet"])
def test_named_columns(tmp_path, name):
    table = pd.DataFrame(
        {"id": [7, 8], "label": ["pos", "neg"], "share": [True, False], "text": ["Schön, gut", "x"]}
    )
    path = tmp_path / name
    if name.endswith(".parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if ".tsv" in name else ",")
    examples = own(path, opt_in="share").load()
    assert examples.features.tolist() == ["Schön, gut", "x"]
    assert examples.class_names == ("neg", "pos")
    assert examples.labels.tolist() == [1, 0]
    assert examples.may_opt_in.tolist() == [True, False]
    assert own(path).load().may_opt_in is None


def test_a_folder_of_tables(tmp_path):
    write(tmp_path, {"b.csv": NAMED, "a.csv": "label,text\n10,last\n9,first\n", "notes.txt": "x"})
    (tmp_path / "._a.csv").write_bytes(b"\xff")  # left behind by another system
    examples = own(tmp_path).load()
    assert examples.features.tolist() == ["last", "first", "Good film", "Bad film"]
    assert examples.class_names == ("9", "10", "neg", "pos")


def test_marks_blank_lines_and_long_texts(tmp_path):
    long = "word " * 100_000
    write(tmp_path, {"a.csv": f'\ufefftext,label\r\n\r\n"{long}",a\r\n,b'})
    assert own(tmp_path).load().features.tolist() == [long, ""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title,label\na,b\n", r"a\.csv has no column text; it has title, label\. Name the columns"),
        ("", "has no column text, label; it has none"),
        ("text,label\na,b\nc\n", "line 3 has 1 fields, but there are 2 columns"),
        ("text,label\na,b,c\n", "line 2 has 3 fields"),
        ('text,label\na,b\n"cut off', r"line 3: unexpected end of data"),
        ("text,label\na,\n", "no label in row 1 of the column label"),
        ("text,label\n", "holds no examples"),
        ("text,label,text\na,b,c\n", "has 2 columns with the name text"),
    ],
)
def test_a_table_that_is_not_as_it_has_to_be(tmp_path, text, message):
    write(tmp_path, {"a.csv": text})
    with pytest.raises(DataError, match=message):
        own(tmp_path / "a.csv").load()


def test_an_opt_in_that_says_neither_yes_nor_no(tmp_path):
    write(tmp_path, {"a.csv": NAMED.replace("no", "maybe")})
    with pytest.raises(DataError, match="'maybe' in row 2 of the column share"):
        own(tmp_path, opt_in="share").load()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\nSch\xf6n,b\n".encode("latin-1")),
        ("a.csv.gz", gzip.compress(NAMED.encode(), mtime=0)[:-12]),
        ("a.csv.gz", NAMED.encode()),
        ("a.parquet", b"PAR1 not really"),
        ("a.parquet", b""),
    ],
)
def test_a_damaged_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} is damaged, incomplete or no"):
        own(tmp_path).load()


def test_parquet_without_a_column_or_a_value(tmp_path):
    pd.DataFrame({"text": ["a", "b"], "label": ["x", None]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no label in row 2"):
        own(tmp_path).load()
    with pytest.raises(DataError, match="has no column kind; it has text, label"):
        own(tmp_path, label="kind").load()


def test_no_table(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"no table in .*--params data\.path="):
        own(tmp_path).load()
    with pytest.raises(DataError, match=r"no table in .*gone"):
        own(tmp_path / "gone").load()
    with pytest.raises(DataError, match=r"notes\.txt is no table; its name must end in \.csv"):
        own(tmp_path / "notes.txt").load()

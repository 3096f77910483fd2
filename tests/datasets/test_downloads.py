"""Downloads are whole, verified, made once, and explained when they fail."""

from __future__ import annotations

import hashlib
import http.server
import threading

import pytest

from fedexperts.datasets import downloads
from fedexperts.datasets.downloads import RemoteFile, fetch
from fedexperts.datasets.errors import DataError

CONTENT = b"some content " * 100_000
MD5 = "md5:" + hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    requests = 0

    def do_GET(self):
        Handler.requests += 1
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unknown_size":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:1000] if self.path == "/half" else CONTENT)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Handler.requests = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def remote(*urls, checksum=MD5, page="https://example.org/page"):
    return RemoteFile("data.bin", urls, checksum, page)


@pytest.mark.parametrize("name", ["whole", "unknown_size"])
def test_downloaded_once(server, tmp_path, name):
    file = remote(f"{server}/{name}")
    for _ in range(2):
        path = fetch(file, tmp_path / "raw")
    assert path.read_bytes() == CONTENT
    assert Handler.requests == 1
    assert [kept.name for kept in path.parent.iterdir()] == ["data.bin"]


def test_the_next_address_is_tried(server, tmp_path):
    assert fetch(remote(f"{server}/missing", f"{server}/half", f"{server}/whole"), tmp_path).exists()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing", "404"),
        ("half", "broke off|IncompleteRead"),
        ("whole", "damaged, incomplete or another file"),
    ],
)
def test_a_failed_download_leaves_nothing_and_says_how_to_do_without(server, tmp_path, name, problem):
    file = remote(f"{server}/{name}", checksum="sha256:0123" if name == "whole" else MD5)
    with pytest.raises(DataError, match=rf"cannot download data\.bin.*/{name}: .*({problem})") as caught:
        fetch(file, tmp_path)
    assert f"get data.bin from https://example.org/page, put it into {tmp_path}" in str(caught.value)
    assert "--params data.path=" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/nothing", "file:///not/here", "nonsense://host/file", "http://[broken"],
)
def test_no_network_and_strange_addresses(tmp_path, url):
    with pytest.raises(DataError, match=r"cannot download data\.bin"):
        fetch(remote(url), tmp_path)


def test_a_wrong_file_in_its_place_is_not_taken(tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=r"data\.bin is damaged.*Delete it, and it is downloaded again"):
        fetch(remote("http://127.0.0.1:9/"), tmp_path)


def test_other_addresses_go_through_fsspec(tmp_path):
    (tmp_path / "origin").write_bytes(CONTENT)
    assert fetch(remote(f"file://{tmp_path}/origin"), tmp_path / "raw").read_bytes() == CONTENT


def test_progress_is_reported_once_at_the_end(server, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(downloads, "MEGABYTE", 100_000)
    with caplog.at_level("INFO"):
        fetch(remote(f"{server}/whole"), tmp_path)
    assert sum("13 of 13" in message for message in caplog.messages) == 1

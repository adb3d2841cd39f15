"""A web server for tests of downloads, and a fixture that reveals whether decoded pictures are reused."""

import functools
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a local web server for the files in tmp_path."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def spoil():
    """spoil(paths) makes picture files unreadable but keeps their size and time: only cached pictures still work."""

    def spoil_all(paths):
        spoilt = [path for path in paths if path.is_file()]
        assert spoilt
        for path in spoilt:
            state = path.stat()
            path.write_bytes(bytes(state.st_size))
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    return spoil_all

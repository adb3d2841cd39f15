"""The site of the documents: it is built without warnings, loads nothing from other hosts, and its links work."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from learning_to_draw import rasteriser
from learning_to_draw.reading import read_toml

ROOT = Path(__file__).parents[1]
LOADED = {("link", "href"), ("object", "data"), ("use", "href"), ("image", "href")}  # and every src, srcset and poster
ANOTHER_HOST = re.compile(r"""(?:@import|url\()\s*(?:url\()?\s*["']?\s*(?:https?:)?//""")


class Page(HTMLParser):
    """The files that a page loads, its links to pages and files, and its ids."""

    def __init__(self, path):
        super().__init__()
        self.loaded, self.links, self.ids = [], [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "srcset", "poster") or (tag, name) in LOADED:
                self.loaded.append(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)
            elif name == "id":
                self.ids.add(value)


def is_elsewhere(address):
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site. No other host can be reached while it is built."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", ROOT / "mkdocs.yml"]
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    run = subprocess.run(
        [*command, "--site-dir", folder], env=os.environ | nowhere, cwd=folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


def test_the_extra_docs_is_what_the_site_needs():
    lines = [line.split("  #")[0] for line in (ROOT / "requirements-docs.txt").read_text().splitlines()]
    assert lines == read_toml(ROOT / "pyproject.toml", dict)["project"]["optional-dependencies"]["docs"]


@pytest.mark.slow
def test_no_page_loads_anything_from_another_host(site, pages):
    assert len(pages) > 20
    assert [
        (path.name, address) for path, page in pages.items() for address in page.loaded if is_elsewhere(address)
    ] == []
    styles = [*site.rglob("*.css"), *pages]
    assert [path.name for path in styles if ANOTHER_HOST.search(path.read_text())] == []


@pytest.mark.slow
def test_links_and_loaded_files_of_the_site_are_there(site, pages):
    local = [
        (path, address)
        for path, page in pages.items()
        for address in page.links + page.loaded
        if not is_elsewhere(address) and not address.startswith("data:")
    ]
    for path, address in local:
        parts = urlsplit(address)
        target = site / parts.path[1:] if parts.path.startswith("/") else path.parent / unquote(parts.path)
        target = (target if parts.path else path).resolve()
        target = target / "index.html" if target.is_dir() else target
        assert target.is_file(), f"{path}: {address}"
        assert not parts.fragment or unquote(parts.fragment) in pages[target].ids, f"{path}: {address}"
    assert [address for _, address in local if ".md" in address] == []  # pages, not their sources
    copied = site / "examples" / "tour.ipynb"
    assert copied.read_bytes() == (ROOT / "examples" / "tour.ipynb").read_bytes()


@pytest.mark.slow
def test_the_reference_has_the_public_functions(pages, site):
    documented = pages[site / "reference" / "index.html"].ids
    assert {f"learning_to_draw.rasteriser.{name}" for name in rasteriser.__all__} <= documented
    for name in ("load", "trials.pair.Pair.guess", "trials.drawing.Drawing.svg", "trials.config.configure.configure"):
        assert f"learning_to_draw.{name}" in documented
    for name in ("trials.train.train", "trials.test.test", "models.agents.Agents.forward", "games.losses.terms.CELoss"):
        assert f"learning_to_draw.{name}" in documented

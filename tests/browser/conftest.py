"""Pages in a real browser: headless Chromium, driven by Playwright.

Tests use `browse`. Any request except for the page itself, and any error on the page, fails the test.
"""

import os
import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        if "CI" in os.environ:
            pytest.fail("no Chromium is installed, and CI has to test the pages in a browser")
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        # Without its sandbox, Chromium also runs as root, as in containers.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium):
    """browse(file, **settings) -> the opened page. file: a path, or the address of a server.

    settings: of Playwright's new_context: viewport, color_scheme, ...

    Pages opened with the same `context=` share their storage.
    """
    contexts, problems = [], []

    def open_page(file, context=None, **settings):
        if context is None:
            context = chromium.new_context(**settings)
            contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        address = file if isinstance(file, str) else file.absolute().as_uri()
        # A page of `play` may also ask its own server.
        own = (f"{address}api/",) if isinstance(file, str) else ()

        def guard(request):
            if request.url.split("#")[0] != address and not request.url.startswith(("data:", "blob:", *own)):
                problems.append(f"the page asked for {request.url}")

        page.on("request", guard)
        page.set_default_timeout(20_000)  # a busy machine needs more than five seconds for a page
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []

"""docs/images/report-games.png: the first games of a report, rendered by Chromium.

python docs/figures/report_games.py runs/caltech/report.html --output docs/images/report-games.png
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

SHOWN, WIDTH = 3, 1080

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(arguments.report.absolute().as_uri())
        cards = page.locator(".game")
        cards.first.scroll_into_view_if_needed()
        boxes = [cards.nth(number).bounding_box() for number in range(SHOWN)]
        top, bottom = min(box["y"] for box in boxes), max(box["y"] + box["height"] for box in boxes)
        clip = {"x": 0, "y": top - 10, "width": WIDTH, "height": bottom - top + 20}
        page.screenshot(path=arguments.output, clip=clip)
        browser.close()

"""Hooks of MkDocs, see mkdocs.yml: files outside docs/ become part of the site, and mkdocstrings finds the package."""

import atexit
import posixpath
import re
import shutil
import tempfile
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# Pages outside docs/: path from ROOT -> path on the site.
PAGES = {name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "commands.md", "benchmarks/README.md")}
PAGES |= {"README.md": "index.md"}
SOURCES = {target: name for name, target in PAGES.items()}
LINK = re.compile(r'(?<=\]\()[^)#\s]+|(?<=src=")[^"#]+|(?<=href=")[^"#]+')


@event_priority(100)  # before mkdocstrings reads its configuration
def on_config(config: MkDocsConfig) -> None:
    """Gives mkdocstrings a folder in which the checkout has the package's name."""
    folder = tempfile.mkdtemp(prefix="learning-to-draw-site-")
    atexit.register(shutil.rmtree, folder)
    Path(folder, "learning_to_draw").symlink_to(ROOT, target_is_directory=True)
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [folder]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Adds the pages outside docs/."""
    for name, target in PAGES.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / name)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with links to the site's copies of the linked files. Adds these copies for other files outside docs/."""
    here = page.file.src_uri
    folder = posixpath.dirname(SOURCES.get(here, f"docs/{here}"))

    def on_site(link: re.Match) -> str:
        name = posixpath.normpath(posixpath.join(folder, link[0]))
        if not (ROOT / name).is_file():
            return link[0]
        # Browsers show .txt; they would download source files. A notebook is there to be downloaded.
        target = PAGES.get(name, name if name.endswith(".ipynb") else f"{name}.txt")
        if name.startswith("docs/"):
            target = name.removeprefix("docs/")
        elif target not in files.src_uris:
            copied = File.generated(config, target, abs_src_path=str(ROOT / name), inclusion=InclusionLevel.INCLUDED)
            files.append(copied)
        return posixpath.relpath(target, posixpath.dirname(here))

    return LINK.sub(on_site, markdown)

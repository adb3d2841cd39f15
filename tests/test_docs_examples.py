"""The examples in docs/ run, and the tables of docs/models.md are those of the code."""

import json
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from learning_to_draw.components import flag_of, options_of
from learning_to_draw.datasets.digits import Digits
from learning_to_draw.errors import UsageError
from learning_to_draw.models import DECODERS, ENCODERS, RECEIVERS
from learning_to_draw.models.encoders.config import SimpleMLPConfig, SqueezeNetConfig
from learning_to_draw.models.encoders.small import SimpleMLPEncoder
from learning_to_draw.models.encoders.squeezenet import SqueezeNetBackbone
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.train import train

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK = DOCS.parent / "examples" / "tour.ipynb"
# Those of all encoders, and of all decoders, or all that have an MLP: the text beside the tables has them.
OF_ALL = {"--latent-size", "--freeze-backbone"} | {
    *("--sigma2", "--sigma2-step", "--sigma2-factor", "--final-sigma2", "--contrast"),
    *("--stroke-spread", "--stroke-widths", "--stroke-gates", "--decoder-hidden", "--decoder-hidden2"),
}


def examples(page):
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def table(heading):
    """The rows of the first table below a heading of docs/models.md, as lists of cells."""
    text = (DOCS / "models.md").read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


TABLES = {"Encoders": ENCODERS, "Decoders": DECODERS, "The receiver": RECEIVERS}
ROWS = [(heading, row) for heading in TABLES for row in table(heading)]
by_name = pytest.mark.parametrize(("heading", "row"), ROWS, ids=[row[0] for _, row in ROWS])


@pytest.mark.parametrize(("page", "number"), [("rasteriser.md", 2), ("models.md", 2), ("presets.md", 1)])
def test_examples_run_and_what_they_assert_is_so(page, number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks, names = examples(page), {}
    assert len(blocks) == number
    for place, block in enumerate(blocks, 1):
        assert re.search(r"^assert ", block, re.MULTILINE)
        exec(compile(block, f"example {place} of {page}", "exec"), names)
    assert len(capsys.readouterr().out.splitlines()) == (page != "presets.md")


def make_files_of_api_md():
    """The training and the pictures that docs/api.md begins with, in the current folder."""
    train(configure("train", dataset="Digits", epochs=2, output="runs/digits"))
    digits = Digits().split("test").images.numpy()[:, 0]
    for number, name in enumerate(("photo", *(f"other{number}" for number in range(9)))):
        Image.fromarray(digits[number]).resize((50, 40)).save(f"{name}.png")
    Image.fromarray(200 - digits[0] // 2).save("pencil.jpg")


def test_examples_of_api_md_run_and_the_first_takes_six_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_files_of_api_md()
    blocks, names = examples("api.md"), {}
    assert len([line for line in blocks[0].splitlines() if line]) == 6
    for place, block in enumerate(blocks):
        assert place == 0 or re.search(r"^assert ", block, re.MULTILINE)
        exec(compile(block, f"example {place + 1} of api.md", "exec"), names)
    with pytest.raises(UsageError, match="already exists"):
        names["drawing"].save("sketches.png")


def test_the_notebook_has_no_outputs():
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)


@pytest.mark.parametrize(
    ("option", "told"),
    [({"nlins": 3}, "no option --nlins"), ({"npoints": 9}, "--npoints belongs to"), ({"nlines": 0}, "nlines = 0")],
)
def test_configure_refuses_what_api_md_says(option, told):
    with pytest.raises(UsageError, match=told):
        configure("train", **option)


@pytest.mark.parametrize("heading", TABLES)
def test_the_tables_name_every_part_once(heading):
    assert sorted(row[0] for row in table(heading)) == sorted(TABLES[heading])


@by_name
def test_every_row_has_the_part_s_options_with_their_defaults(heading, row):
    defaults = {flag_of(n): option.default for n, option in options_of(TABLES[heading][row[0]].config).items()}
    assert set(re.findall(r"--[\w-]+", " ".join(row))) - OF_ALL == set(defaults) - OF_ALL
    for option, default in re.findall(r"`(--[\w-]+)` ([\w/.-]+)", row[-1]):
        value = defaults[option]
        assert default == (("off", "on")[value] if isinstance(value, bool) else str(value))


@pytest.mark.parametrize("row", table("Encoders"), ids=lambda row: row[0])
def test_what_the_encoders_are(row):
    name, channels, layers, _, trained, _ = row
    component = ENCODERS[name]
    options = options_of(component.config)
    assert (trained == "no backbone") == ("freeze_backbone" not in options)
    if name in ("CLIPVisualEncoder", "TimmBackbone"):  # see tests/models/test_clip_encoder.py, test_timm_backbone.py
        return
    chosen = {"freeze_backbone": True} if "freeze_backbone" in options else {}
    if "feature_layer" in options:
        chosen["feature_layer"] = options["feature_layer"].choices[-1]
    encoder = component.load()(component.config(**chosen), image_size=32, channels=1, pretrained=False)
    assert str(encoder.channels) == {"those of the data set": "1", "`--encoder-channels`": "1"}.get(channels, channels)
    named = [layer for layer in re.split(r",? ", layers.removesuffix(", up to the one chosen")) if layer != "none"]
    assert tuple(named) == encoder.feature_layers
    if trained != "no backbone":
        learned = {key.split(".")[0] for key, weight in encoder.named_parameters() if weight.requires_grad}
        assert learned == {trained.strip("`")}


@pytest.mark.parametrize("row", table("Decoders"), ids=lambda row: row[0])
def test_what_the_decoders_draw(row):
    name, _, points, strokes, intensities, _ = row
    component, size = DECODERS[name], 64 if name == "LocalLineDecoder" else 12

    def encoder():
        if name == "LocalLineDecoder":  # it needs feature maps
            return SqueezeNetBackbone(SqueezeNetConfig(latent_size=8), image_size=size)
        return SimpleMLPEncoder(SimpleMLPConfig(latent_size=8, encoder_hidden=4), image_size=size, channels=1)

    decoder = component.load()(component.config(), latent_size=8, image_size=size, build_encoder=encoder)
    photos = torch.rand(2, encoder().channels, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = decoder.strokes_for(encoder().encode(photos, layers=decoder.needed_layers))
    number = int(strokes.rsplit(": ", 1)[1])
    assert drawn.points.shape == (2, number, int(points), 2)
    if intensities == "none":
        assert drawn.intensities is None
    else:
        assert drawn.intensities.shape == (2, number, int(intensities))

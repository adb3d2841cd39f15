"""The command `check` names what is broken in a plugin's components and where, as does a run that fails over it."""

import re
import subprocess
import sys

import numpy as np
import torch
from PIL import Image

from learning_to_draw import commgame
from learning_to_draw.rasteriser import draw_lines
from learning_to_draw.trials.records.gamelog import read_log

BROKEN = """
from dataclasses import replace
import torch
from torch import nn
from learning_to_draw.datasets.splits import Split
from learning_to_draw.games.losses.terms import GameLoss
from learning_to_draw.games.sampling import OriginalGame
from learning_to_draw.models.decoders.base import Decoder, Strokes
from learning_to_draw.models.encoders.small import SmallCNNEncoder
from learning_to_draw.plugins import auxiliary_loss, dataset, decoder, encoder, game, loss, receiver

@decoder("Same")
class Same(Decoder):
    def forward(self, latent):
        return Strokes(torch.zeros(len(latent), 3, 2, 2), self.sigma2)

@decoder("Crash")
class Crash(Decoder):
    def forward(self, latent):
        return latent.no_such_thing()

@receiver("Mixes")
class Mixes(nn.Module):
    def __init__(self, config, *, latent_size):
        super().__init__()
        self.layer = nn.Linear(latent_size, 8)
    def forward(self, latent):
        return self.layer(latent - latent.mean(0))

@receiver("Loose")
class Loose(nn.Module):
    def __init__(self, config, *, latent_size):
        super().__init__()
        self.weights = torch.randn(latent_size, 8)
    def forward(self, latent):
        return latent.float() @ self.weights

@receiver("Deaf")
class Deaf(nn.Linear):
    def __init__(self, config, *, latent_size):
        super().__init__(latent_size, 8)
    def forward(self, latent):
        return super().forward(latent * 0)

@auxiliary_loss("idle")
class Idle(nn.Module):
    def __init__(self, config, agents, **seeds):
        super().__init__()
    def forward(self, play):
        return play.sketches.detach().mean()

@auxiliary_loss("many")
class Many(nn.Module):
    def __init__(self, config, agents, **seeds):
        super().__init__()
    def forward(self, play):
        return play.sketches.mean((1, 2, 3))

@auxiliary_loss("bare")
class Bare(nn.Module):
    def forward(self, play):
        return play.sketches.mean()

@loss("First")
class First(GameLoss):
    def __call__(self, scores, targets):
        return scores[:, 0].mean()

@game("moving")
class Moving(OriginalGame):
    def __init__(self, config, split, *, generator, shuffle):
        super().__init__(config, split, generator=generator, shuffle=True)

@encoder("Narrow")
class Narrow(SmallCNNEncoder):
    def forward(self, pictures, **how):
        encoding = super().forward(pictures, **how)
        return type(encoding)(encoding.latent[:, :-1])

@encoder("Plain")
class Plain(SmallCNNEncoder):
    pass

@dataset("Float")
class Float:
    channels, image_size = 1, 32
    def __init__(self, config):
        pass
    def split(self, name):
        images = torch.rand(200, 1, 32, 32, generator=torch.Generator().manual_seed(len(name)))
        return Split(name, images, torch.arange(200) % 2, ("a", "b"), torch.arange(200))

@dataset("Nothing")
class Nothing:
    channels, image_size = 1, 32
    def __init__(self, config):
        pass
    def split(self, name):
        raise RuntimeError("no pictures")

@dataset("Leak")
class Leak(Float):
    def split(self, name):
        images = torch.randint(256, (90, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        images = images[:60] if name == "train" else images[50:]
        return Split(name, images, torch.zeros(len(images), dtype=torch.int64), ("a",), torch.arange(len(images)))

@dataset("Shaky")
class Shaky(Leak):
    def split(self, name):
        def augment(images, indices, generator, device=None):
            return torch.rand(len(indices), 1, 32, 32, generator=generator)
        return replace(super().split(name), augment=augment)
"""
CRASH = 1 + BROKEN.splitlines().index("        return latent.no_such_thing()")


def test_check_says_what_is_broken_and_where(folder, capsys):
    (folder / "wrong_parts.py").write_text(BROKEN)
    assert commgame.main(["check", "wrong_parts.py"]) == 1
    report = capsys.readouterr().err
    assert "Broken components: 15 of 16." in report
    told = {lines.split()[1]: lines for lines in re.split(r"^ {8}(?=\w)", report[8:], flags=re.M)}
    assert "BROKEN" not in told["Plain"]
    for component, wrong in {
        "Same": "two latents draw the same sketch",
        "Crash": f"AttributeError: 'Tensor' object has no attribute 'no_such_thing' (wrong_parts.py, line {CRASH})",
        "Mixes": "its output for one picture depends on the other pictures",
        "Loose": "one of its tensors does not move with .to()",
        "Deaf": "no gradient passes back through it",
        "First": "it depends on the order of the candidates",
        "idle": "does not require grad",
        "many": "not a finite scalar",
        "bare": "Bare.__init__() got an unexpected keyword argument 'seed'",
        "moving": "held-out games have to be the same every time",
        "Narrow": "the latent has shape [3, 127], but has to have [3, 128]",
        "Float": "pictures of train are torch.float32, but have to be torch.uint8, 0 to 255",
        "Nothing": "RuntimeError: no pictures",
        "Leak": "10 of 40 pictures of valid are also training pictures",
        "Shaky": "the pictures of valid are not the same every time: only training pictures may be augmented",
    }.items():
        assert re.search(rf"BROKEN .*{re.escape(wrong)}", told[component]), told[component]


def test_what_a_part_stumbles_over_is_told_with_its_line(folder, program):
    """In a process of its own, as other files are loaded in this one."""
    (folder / "stumbles.py").write_text(BROKEN)
    command = ["train", "--plugin", "stumbles.py", "--decoder", "Crash", "--dry-run"]
    for flags in ([], ["-X", "dev"]):
        done = subprocess.run([sys.executable, *flags, program, *command], capture_output=True, text=True, cwd=folder)
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) == bool(flags)
        told = f"failed: AttributeError: 'Tensor' object has no attribute 'no_such_thing' (stumbles.py, line {CRASH})\n"
        assert done.stderr.startswith(told) != bool(flags)


PENS = """
import torch
from learning_to_draw.models.decoders.base import Strokes
from learning_to_draw.models.decoders.config import LineConfig
from learning_to_draw.models.decoders.single_pass import SinglePassSimpleLineDecoder
from learning_to_draw.plugins import decoder
from learning_to_draw.rasteriser import draw_lines

@decoder("OwnInk", LineConfig)
class OwnInk(SinglePassSimpleLineDecoder):
    def ink(self, strokes):
        thick, thin = strokes.points[:, ::2], strokes.points[:, 1::2]
        thick, thin = draw_lines(thick, self.image_size, 0.04), draw_lines(thin, self.image_size, 0.002)
        return 1 - (1 - thick) * (1 - thin)

class ThickStrokes(Strokes):
    widths = (4, 1)

@decoder("OwnStrokes", LineConfig)
class OwnStrokes(SinglePassSimpleLineDecoder):
    def forward(self, latent):
        strokes = super().forward(latent)
        return ThickStrokes(strokes.points, strokes.sigma2)
    def ink(self, strokes):
        return draw_lines(strokes.points, self.image_size, self.sigma2 * max(strokes.widths))

@decoder("Flat", LineConfig)
class Flat(SinglePassSimpleLineDecoder):
    def forward(self, latent):
        strokes = super().forward(latent)
        return Strokes(strokes.points, torch.linspace(0.002, 0.02, strokes.points.shape[1]))

@decoder("ThickAndThin", LineConfig)
class ThickAndThin(SinglePassSimpleLineDecoder):
    def forward(self, latent):
        strokes = super().forward(latent)
        widths = torch.linspace(0.002, 0.02, strokes.points.shape[1], device=latent.device, dtype=latent.dtype)
        return Strokes(strokes.points, widths.expand(len(latent), -1))
"""


def test_strokes_that_the_log_would_tell_wrongly(folder, capsys):
    (folder / "pens.py").write_text(PENS)
    assert commgame.main(["check", "pens.py"]) == 1
    report = capsys.readouterr().err
    assert "Broken components: 3 of 4." in report
    told = {lines.split()[1]: lines for lines in re.split(r"^ {8}(?=\w)", report[8:], flags=re.M)}
    for name in ("OwnInk", "OwnStrokes"):
        assert re.search(
            r"BROKEN  draws what .*: the base class draws its Strokes differently, by up to 0\.", told[name]
        )
    assert "sigma2 has shape [5]: expected a number, or shape [3, 5] (one value per stroke)" in told["Flat"]
    assert "BROKEN" not in told["ThickAndThin"]


def test_strokes_of_several_widths_are_logged_as_they_were_drawn(folder):
    (folder / "pens.py").write_text(PENS)
    train = ["train", "--plugin", "pens.py", "--decoder", "ThickAndThin", "--nlines", "4", "--epochs", "1"]
    assert commgame.main([*train, "--output", "run"]) == 0
    assert commgame.main(["test", "--weights", "run/model_final.pt", "--output", "tested"]) == 0
    log = read_log(folder / "tested")
    strokes = log.strokes()
    assert np.allclose(strokes.sigma2, np.linspace(0.002, 0.02, 4))
    for number in (0, 100):
        lines = torch.from_numpy(strokes.points[number])[:, None, None]  # each alone
        inks = [draw_lines(line, 32, float(width)) for line, width in zip(lines, strokes.sigma2[number], strict=True)]
        expected = 255 * (1 - torch.stack([1 - ink for ink in inks]).prod(dim=0))[0, 0].numpy()
        with Image.open(log.picture(log.games[number].sketch)) as picture:
            assert np.abs(np.asarray(picture) - expected).max() <= 0.51

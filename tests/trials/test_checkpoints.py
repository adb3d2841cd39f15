import pathlib
import re
import zipfile
from collections import OrderedDict

import pytest
import torch
import torchbearer
from torchbearer.callbacks import CSVLogger, Interval, LambdaCallback

from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.config import PerceptualConfig
from learning_to_draw.games.losses.perceptual import PerceptualLoss
from learning_to_draw.games.losses.terms import HingeLoss, TotalLoss
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import Pictures
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.records.checkpoints import load_agents, load_checkpoint, save_checkpoint
from learning_to_draw.trials.records.folder import plain
from learning_to_draw.trials.trained import check_fit


def build(**options):
    """Agents for pictures of 16 px, and the options of their training."""
    config = configure("train", **{"nlines": 3, **options})
    return build_agents(config.agents, Pictures({}, image_size=16, channels=1)), config.values()


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    agents, options = build(sigma2=0.08, sigma2_step=1)
    optimizer = torch.optim.Adam(agents.parameters())
    agents(torch.rand(3, 1, 16, 16), torch.arange(3)[None], 3).scores.sum().backward()
    optimizer.step()
    agents.decoder.anneal(0)
    path = tmp_path / "model_04.pt"
    save_checkpoint(path, agents, TotalLoss(HingeLoss()), optimizer, options, 4, [{"val_commrate": 0.5}])
    return path, agents


def test_round_trip_gives_the_same_scores(saved):
    path, agents = saved
    checkpoint = load_checkpoint(path)
    config = parse("test", ["--weights", str(path)], checkpoint.options)
    again = build_agents(config.agents, Pictures({}, image_size=16, channels=1))
    load_agents(again, checkpoint)
    photos, candidates = torch.rand(4, 1, 16, 16), torch.arange(4)[None]
    assert torch.equal(again(photos, candidates, 4).scores, agents(photos, candidates, 4).scores)
    assert (checkpoint.epoch, checkpoint.history) == (4, [{"val_commrate": 0.5}])


def test_sigma2_is_where_annealing_had_brought_it(saved):
    path, agents = saved
    assert load_checkpoint(path).options["sigma2"] == agents.decoder.sigma2 == 0.04


def test_it_is_plain_data(saved):
    content = torch.load(saved[0], weights_only=True)
    expected = {
        "format",
        "epoch",
        "options",
        "sigma2",
        "model",
        "loss",
        "optimizer",
        "history",
        "versions",
        "trained_on",
        "image_size",
        "channels",
    }
    assert set(content) == expected
    assert set(content["optimizer"]["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}


def test_what_a_loss_learned_is_kept(saved, tmp_path):
    agents, options = build(encoder="SqueezeNetBackbone", feature_layer="fire3")
    perceptual = PerceptualLoss(PerceptualConfig(learn_sop_weights=True), agents)
    loss = TotalLoss(HingeLoss(), {"perceptual": perceptual})
    optimizer = torch.optim.Adam([*agents.parameters(), *loss.parameters()])
    save_checkpoint(tmp_path / "m.pt", agents, loss, optimizer, options, 0, [])
    kept = load_checkpoint(tmp_path / "m.pt").loss
    assert {name: value.tolist() for name, value in kept.items()} == {
        "auxiliary.perceptual.weights.values": perceptual.weights.values.tolist()
    }
    # a checkpoint from before losses could learn
    content = torch.load(saved[0], weights_only=True)
    del content["loss"]
    torch.save(content, tmp_path / "old.pt")
    assert load_checkpoint(tmp_path / "old.pt").loss == {}


def test_files_that_cannot_be_used(tmp_path, saved):
    with pytest.raises(UsageError, match="there is no such file"):
        load_checkpoint(tmp_path / "nothing.pt")
    whole = saved[0].read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("empty", b""), ("text", b"hello"), ("tail", whole[100:])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="cut short, damaged, or not written by this program"):
            load_checkpoint(tmp_path / name)
    broken = torch.load(saved[0], weights_only=True) | {"options": 3}
    for content in ({"weights": torch.zeros(1)}, [1, 2], broken):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(UsageError, match="is not a checkpoint of this program"):
            load_checkpoint(tmp_path / "other.pt")


@pytest.mark.parametrize("keys", ["text", "state keys"])  # model_final.pt and model_NN.pt
def test_checkpoints_of_the_official_code(tmp_path, keys):
    torch.manual_seed(0)
    agents, _ = build(encoder="BetterCNNEncoder")
    model = {key: value for key, value in agents.state_dict().items() if ".drawn_" not in key}
    model["decoder.grid"] = torch.zeros(16, 16, 2)
    names = ("torchbearer_version", "model", "optimizer", "history", "callback_list")
    values = ("0.5.5", model, {}, [{"loss": 1.0}] * 3, {"callback_types": [CSVLogger, Interval, LambdaCallback]})
    # torchbearer has a state key for each of these names but the version's
    as_keys = (torchbearer.VERSION, torchbearer.MODEL, torchbearer.OPTIMIZER, torchbearer.HISTORY)
    as_keys += (torchbearer.CALLBACK_LIST,)
    assert [str(key) for key in as_keys] == list(names)
    content = dict(zip(names if keys == "text" else as_keys, values, strict=True))
    torch.save(content, tmp_path / "model.pt")

    checkpoint = load_checkpoint(tmp_path / "model.pt")
    assert (checkpoint.epoch, checkpoint.options) == (2, {})
    again, _ = build(encoder="BetterCNNEncoder")
    load_agents(again, checkpoint)
    photos, candidates = torch.rand(4, 1, 16, 16), torch.arange(4)[None]
    assert torch.equal(again(photos, candidates, 4).scores, agents(photos, candidates, 4).scores)


class MakesFolders:
    """Pickled, it is torchbearer's Interval for a file in a new folder: the constructor makes that folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Interval, (str(self.path),))


def test_reading_a_checkpoint_of_the_official_code_calls_no_constructor_of_torchbearer(tmp_path):
    content = {
        "torchbearer_version": "0.5.5",
        "model": {},
        "history": [],
        "callback_list": MakesFolders(tmp_path / "made/m.pt"),
    }
    torch.save(content, tmp_path / "model.pt")
    assert load_checkpoint(tmp_path / "model.pt").history == []
    assert not (tmp_path / "made").exists()


def test_a_state_key_of_no_text_is_no_entry(tmp_path):
    key = torchbearer.state.StateKey("model of nobody")
    key.key = 3
    torch.save({"torchbearer_version": "0.5.5", "model": {}, key: []}, tmp_path / "model.pt", pickle_protocol=2)
    with pytest.raises(UsageError, match="is not a checkpoint"):
        load_checkpoint(tmp_path / "model.pt")


def test_separate_encoders_do_not_silently_become_one(tmp_path):
    agents, options = build(separate_encoders=True)
    optimizer = torch.optim.Adam(agents.parameters())
    save_checkpoint(tmp_path / "m.pt", agents, TotalLoss(HingeLoss()), optimizer, options, 0, [])
    shared, _ = build()
    with pytest.raises(UsageError, match=r"share one encoder\.\nAdd --separate-encoders"):
        load_agents(shared, load_checkpoint(tmp_path / "m.pt"))


class Touch:
    """Pickled, it creates a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"model": Touch(tmp_path / "touched")}, tmp_path / "evil.pt")
    with pytest.raises(UsageError, match=r"contains (_io|io)\.open, which.*\n.*--trust-weights"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "touched").exists()


def test_a_trusted_file_may_hold_anything(saved, tmp_path):
    content = torch.load(saved[0], weights_only=True)
    torch.save(content | {"notes": pathlib.PurePosixPath("mine")}, tmp_path / "notes.pt")
    with pytest.raises(UsageError, match="pathlib"):
        load_checkpoint(tmp_path / "notes.pt")
    trusted = load_checkpoint(tmp_path / "notes.pt", trust=True)
    assert trusted.epoch == load_checkpoint(saved[0]).epoch


def test_recurrent_decoders_and_clip_have_official_names_of_their_own(tmp_path):
    model = {
        "decoder.rasteriser.grid": torch.zeros(1),
        "decoder.rasteriser.latent_to_linecoord.0.weight": torch.ones(1),
        "decoder.encoder.enc.0.weight": torch.ones(2),
        "sender_encoder.clipmodel.visual.conv1.weight": torch.ones(3),
        "sender_encoder.clipmodel.token_embedding.weight": torch.ones(4),
    }
    content = {"torchbearer_version": "0.5.5", "model": model, "optimizer": {}, "history": [], "callback_list": {}}
    torch.save(content, tmp_path / "m.pt")
    assert {key: len(value) for key, value in load_checkpoint(tmp_path / "m.pt").model.items()} == {
        "decoder.latent_to_linecoord.0.weight": 1,
        "decoder.encoder.enc.0.weight": 2,
        "sender_encoder.clipmodel.visual.conv1.weight": 3,
    }


def test_agents_of_another_shape_are_refused(saved):
    other, _ = build(nlines=4)
    with pytest.raises(UsageError, match=r"latent_to_linecoord\.4\.weight") as told:
        load_agents(other, load_checkpoint(saved[0]))
    assert len(str(told.value).splitlines()) <= 5


def test_an_official_checkpoint_that_does_not_fit_wants_its_options(tmp_path):
    content = {"torchbearer_version": "0.5.5", "model": {"decoder.x": torch.zeros(1)}, "optimizer": {}, "history": []}
    torch.save(content, tmp_path / "m.pt")
    agents, _ = build()
    with pytest.raises(UsageError, match="contains no options: give all"):
        load_agents(agents, load_checkpoint(tmp_path / "m.pt"))


@pytest.mark.parametrize("broken", [{"model": [1]}, {"history": None}])
def test_an_official_checkpoint_with_something_else_in_it_is_refused(tmp_path, broken):
    content = {"torchbearer_version": "0.5.5", "model": {}, "optimizer": {}, "history": []} | broken
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(UsageError, match="is not a checkpoint of this program"):
        load_checkpoint(tmp_path / "m.pt")


def test_weights_of_nan_in_a_shared_encoder_are_still_shared(tmp_path):
    agents, options = build()
    with torch.no_grad():
        for parameter in agents.parameters():
            parameter.fill_(float("nan"))
    path = tmp_path / "m.pt"
    save_checkpoint(path, agents, TotalLoss(HingeLoss()), torch.optim.Adam(agents.parameters()), options, 0, [])
    again, _ = build()
    load_agents(again, load_checkpoint(path))
    assert again.decoder.latent_to_linecoord[0].weight.isnan().all()


@pytest.mark.parametrize(
    "wrong",
    [{"batch_size": "48"}, {"sigma2": -1.0}, {"invert": "yes"}, {"encoder": 3}, {"nlines": 2.5}, {"loss": "Foo"}],
)
def test_options_in_a_checkpoint_are_looked_at(wrong):
    with pytest.raises(UsageError):
        parse("test", ["--weights", "m.pt"], wrong)


def test_options_that_training_saved_pass():
    trained = parse("train", ["--sop-weights", "1", "0.5", "--encoder", "SqueezeNetBackbone", "--sigma2", "1e-4"])
    again = parse("test", ["--weights", "m.pt"], plain(trained.values()))
    assert again.auxiliary["perceptual"].config.sop_weights == (1.0, 0.5)
    assert again.agents.decoder.config.sigma2 == 1e-4


def compressed(path):
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def endless():
    laughs = [0.0]
    for _ in range(50):
        laughs = [laughs, laughs]
    return laughs


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda c: {"loss": {"w": torch.zeros(1).expand(4 * 10**9)}}, "larger than its data"),
        (lambda c: {"loss": {str(n): torch.ones(9).expand(9, 9)[:1] for n in range(9)} | endless_views()}, "larger"),
        (lambda c: {"loss": {"w": torch.eye(3).to_sparse()}}, "contains torch"),
        (lambda c: {"loss": {"w": torch.empty(10**10, device="meta")}}, "contains torch._utils._rebuild_meta"),
        (lambda c: {"loss": {"w": torch.zeros(2, dtype=torch.complex64)}}, "contains torch.ComplexFloatStorage"),
        (lambda c: {"notes": bytearray(3)}, "contains __builtin__.bytearray"),
        (lambda c: {"history": endless()}, "too many values"),
        (lambda c: {"epoch": True}, r"Expected `int`, got `bool` - at `\$\.epoch`"),
        (lambda c: {"sigma2": float("nan")}, "Expected `float`"),
        (lambda c: {"versions": None}, "Expected `object`, got `null`"),
        (lambda c: {"options": {"decoder": {}}}, "got `object`"),
        (lambda c: {"model": {"w": [1.0]}}, "Expected `Tensor`, got `list`"),
    ],
)
def test_what_a_checkpoint_may_not_hold(changed, told, saved, tmp_path):
    content = torch.load(saved[0], weights_only=True)
    torch.save(content | changed(content), tmp_path / "hostile.pt")
    with pytest.raises(UsageError, match=told):
        load_checkpoint(tmp_path / "hostile.pt")


def endless_views():
    whole = torch.zeros(10**6)
    return {f"view {n}": whole[n:] for n in range(50)}


def test_an_archive_that_is_compressed_or_of_other_sizes_is_refused(saved):
    path = saved[0]
    whole = path.read_bytes()
    billion = b"J" + (10**9).to_bytes(4, "little")
    declared = re.sub(rb"K.(?=t(q.|r....)Q)", lambda _: billion, whole, flags=re.S)  # storages of few numbers
    assert billion in declared
    path.write_bytes(declared)
    with pytest.raises(UsageError, match="cannot be read"):
        load_checkpoint(path)
    path.write_bytes(whole)
    compressed(path)
    with pytest.raises(UsageError, match="it is compressed"):
        load_checkpoint(path)


def test_attributes_that_hide_methods_of_a_dict_change_nothing(saved, tmp_path):
    content = torch.load(saved[0], weights_only=True)
    model = OrderedDict(content["model"])
    model.values, model.keys = 3, "x"
    torch.save(content | {"model": model}, tmp_path / "m.pt")
    assert load_checkpoint(tmp_path / "m.pt").model.keys() == content["model"].keys()


@pytest.mark.parametrize("options", [{"nlines": 90_000, "decoder_hidden2": 90_000}, {"rx_hidden": 2**31 - 1}])
def test_sizes_that_are_not_those_of_the_weights_are_refused_before_memory_is_allocated(options, saved):
    config = configure("train", **{"nlines": 3, "sigma2": 0.08, **options})
    with pytest.raises(UsageError, match="does not fit the agents"):
        check_fit(config.agents, Pictures({}, image_size=16, channels=1), load_checkpoint(saved[0]))


@pytest.mark.parametrize("wrong", [{"nlines": 10**9}, {"image_size": 10**6}, {"batch_size": [1]}, {"decoder": [3]}])
def test_sizes_that_no_agents_have_are_refused(wrong):
    with pytest.raises(UsageError):
        parse("test", ["--weights", "m.pt"], wrong)

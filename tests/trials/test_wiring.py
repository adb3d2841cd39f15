"""What the options build: geometry of every split, what is trained, and combinations that cannot be."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from learning_to_draw.errors import UsageError
from learning_to_draw.games.losses.perceptual import CLIPLoss, LearntWeights, LikeADogLoss, PerceptualLoss
from learning_to_draw.games.losses.terms import ReconstructLoss
from learning_to_draw.trials.agents import build_agents
from learning_to_draw.trials.build import build_batches, build_loss, choose_device, load_pictures, seeds_of, set_up
from learning_to_draw.trials.checks import warn_of_random_backbones
from learning_to_draw.trials.config.configure import configure
from learning_to_draw.trials.config.parse import parse
from learning_to_draw.trials.plan import describe

CPU = torch.device("cpu")
ALL = ("train", "valid", "test")


def config_of(*arguments):
    return parse("train", arguments)


def batches_of(pictures, *arguments):
    config = config_of(*arguments)
    return build_batches(config.game, pictures, CPU, seeds_of(config), imagenet_norm=config.agents.imagenet_norm)


def agents_of(pictures, *arguments):
    return build_agents(config_of(*arguments).agents, pictures)


def loss_of(config, agents, **testing):
    return build_loss(config.loss, config.auxiliary.values(), agents, seeds_of(config), **testing)


def plan_of(pictures, *arguments):
    return describe(config_of(*arguments), pictures, batches_of(pictures, *arguments), agents_of(pictures, *arguments))


@pytest.mark.parametrize(
    ("arguments", "candidates", "a_batch", "held_out"),
    [
        ((), 32, 32, 352),
        (("--batch-size", "50"), 50, 50, 350),
        (("--object-oriented", "same"), 10, 30, 360),
        (("--object-oriented", "different", "--num-targets", "4"), 4, 32, 352),
        (("--object-oriented", "mixed", "--sender-images-per-iter", "3"), 10, 3, 108),
        (("--sender-images-per-iter", "5"), 32, 5, 55),
    ],
)
def test_geometry(digits, arguments, candidates, a_batch, held_out):
    batches = batches_of(digits, *arguments)
    for name, played in batches.items():
        batch = next(iter(played))
        assert batch.candidates.shape[1] == candidates, name
    assert next(iter(batches["train"])).senders == a_batch
    assert batches["test"].games == held_out == sum(batch.senders for batch in batches["test"])


def test_a_test_alone_plays_the_same_games_as_beside_training(digits):
    alone = load_pictures(config_of().dataset, ("test",), CPU)
    for one, other in zip(batches_of(digits)["test"], batches_of(alone)["test"], strict=True):
        assert torch.equal(one.photos, other.photos)
        assert torch.equal(one.targets, other.targets)


def test_the_data_seed_changes_the_deals_and_nothing_else_does(digits):
    def first(*arguments):
        return next(iter(batches_of(digits, *arguments)["test"])).items.senders

    assert torch.equal(first(), first("--nlines", "3"))
    assert not torch.equal(first(), first("--data-seed", "5"))


def test_the_seed_changes_what_training_sees_and_no_deal(digits):
    def first(split, *arguments):
        return next(iter(batches_of(digits, "--random-transform-sender", *arguments)[split]))

    for split, views_differ in (("train", True), ("valid", False), ("test", False)):
        plain, seeded, again = first(split), first(split, "--seed", "5"), first(split, "--seed", "1234")
        assert torch.equal(plain.items.senders, seeded.items.senders)
        assert torch.equal(plain.targets, seeded.targets)
        assert torch.equal(plain.photos, seeded.photos) != views_differ
        assert torch.equal(plain.photos, again.photos)  # --data-seed's default, which --seed has where it is left out


def test_every_process_sees_views_of_its_own(digits, monkeypatch):
    def numbers(rank, seed):
        monkeypatch.setattr("learning_to_draw.trials.loop.distributed.rank", lambda: rank)
        generators = batches_of(digits, "--seed", seed)["train"].generators()
        return [tuple(torch.rand(4, generator=generator).tolist()) for generator in generators.values()]

    found = [numbers(rank, seed) for rank in range(4) for seed in ("0", "1", "4294967295")]
    views, deals = zip(*found, strict=True)
    assert len(set(views)) == 12
    assert len(set(deals)) == 1


def test_an_epoch_has_a_batch_for_every_process(digits, monkeypatch):
    monkeypatch.setattr("learning_to_draw.trials.loop.distributed.world_size", lambda: 2)
    with pytest.raises(UsageError, match=r"the train split has 1257 pictures for 2 processes\.\nGive at most 628,"):
        batches_of(digits, "--batch-size", "1000", "--object-oriented", "same")
    monkeypatch.setattr("learning_to_draw.trials.loop.distributed.world_size", lambda: 200)
    with pytest.raises(UsageError, match=r"an epoch has 125 batch\(es\), and each of the 200 processes needs one"):
        batches_of(digits, "--batch-size", "10", "--object-oriented", "same")


def test_what_is_trained(digits):
    def trained(*arguments):
        parameters = agents_of(digits, *arguments).named_parameters()
        return {name.split(".")[0] for name, parameter in parameters if parameter.requires_grad}

    everything = {"sender_encoder", "decoder", "receiver"}
    assert trained() == everything
    assert trained("--separate-encoders") == everything | {"receiver_encoder"}
    assert trained("--freeze-encoders", "--separate-encoders") == {"decoder", "receiver"}
    assert trained("--encoder", "SqueezeNetBackbone", "--freeze-backbone") == everything


def test_shared_and_separate_encoders(digits):
    assert agents_of(digits).shared
    separate = agents_of(digits, "--separate-encoders")
    assert not separate.shared
    assert not torch.equal(separate.sender_encoder.enc[-1].weight, separate.receiver_encoder.enc[-1].weight)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--num-targets 3", "in object-oriented games"),
        ("--object-oriented same --num-targets 11", "the train split has 10 classes, and a game's candidates"),
        ("--object-oriented same --num-targets 1", "needs 2 candidates or more"),
        ("--batch-size 1", "needs 2 candidates or more"),
        ("--batch-size 5000", "the valid split has 180 pictures"),
        ("--batch-size 200", "the valid split has 180 pictures"),
        ("--sender-images-per-iter 33", "a game has 32 candidates"),
        ("--loss NoLoss", "teaches nothing"),
        ("--loss NoLoss --sop-coef 0 --sort-of-perceptual-loss --encoder SqueezeNetBackbone", "teaches nothing"),
        ("--loss NoLoss --CLIP-coef 0 --CLIP-loss --encoder SqueezeNetBackbone", "teaches nothing"),
        ("--sort-of-perceptual-loss", "this encoder has none"),
        ("--CLIP-loss", "--CLIP-loss compares an encoder's feature layers, and this encoder has none"),
        (
            "--like-a-dog-loss --like-a-dog-image nowhere.png --encoder SqueezeNetBackbone",
            "--like-a-dog-image: .*there is no such file",
        ),
        ("--imagenet-norm", "one channel"),
        ("--encoder SimpleCNNEncoder --image-size 8", "8 px are too small for this encoder"),
        ("--encoder SqueezeNetBackbone --sort-of-perceptual-loss --sop-weights 1 2", r"layers \(5\)"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_starts(arguments, told):
    config = config_of(*arguments.split(), "--device", "cpu")

    def build():
        pictures = set_up(config, ("train", "valid")).pictures
        loss_of(config, build_agents(config.agents, pictures))

    with pytest.raises(UsageError, match=told) as error:
        build()
    assert len(str(error.value).splitlines()) <= 5


def test_the_perceptual_loss_is_weighed_as_asked(digits):
    arguments = ["--encoder", "SqueezeNetBackbone", "--feature-layer", "fire3", "--sort-of-perceptual-loss"]
    config = config_of(*arguments, "--sop-weights", "0.5", "2", "--sop-coef", "3")
    loss = loss_of(config, build_agents(config.agents, digits)).auxiliary["perceptual"]
    assert loss.layer_weights() == {"relu1": 0.5, "fire3": 2.0}
    assert loss.coef == 3.0
    assert not loss_of(config_of(), agents_of(digits)).needed_layers


@pytest.fixture
def dogs(tmp_path):
    """A grey file, white between black bars, and one of red above blue that its EXIF orientation has to turn round."""
    bars = Image.new("L", (80, 40), 0)
    bars.paste(255, (20, 0, 60, 40))
    bars.save(tmp_path / "bars.png")
    red = Image.new("RGB", (30, 60), "red")
    red.paste("blue", (0, 0, 30, 30))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    red.save(tmp_path / "red.png", exif=exif)
    return [str(tmp_path / "bars.png"), str(tmp_path / "red.png")]


EVERY_LOSS = ["--sort-of-perceptual-loss", "--like-a-dog-loss", "--CLIP-loss", "--reconstruct-loss"]


def test_every_auxiliary_loss_is_built_as_asked(digits, dogs):
    arguments = ["--encoder", "SqueezeNetBackbone", "--feature-layer", "fire3", "--invert", "--CLIP-coef", "5"]
    arguments += [*EVERY_LOSS, "--sop-weights", "2", "1", "--sop-coef", "3", "--like-a-dog-image", *dogs]
    config = config_of(*arguments)
    loss = loss_of(config, build_agents(config.agents, digits))
    assert {name: type(term) for name, term in loss.auxiliary.items()} == {
        "perceptual": PerceptualLoss,
        "dog": LikeADogLoss,
        "CLIP": CLIPLoss,
        "reconstruct": ReconstructLoss,
    }
    assert loss.needed_layers
    dog, clip = loss.auxiliary["dog"], loss.auxiliary["CLIP"]
    assert (dog.layer_weights(), dog.coef) == ({"relu1": 2.0, "fire3": 1.0}, 3.0)
    assert (clip.layer, clip.coef, clip.paper) == ("fire3", 5.0, 1.0)
    bars, red = dog.images  # the middle square, 32 px, in RGB
    assert torch.equal(bars[:, :, 1:-1], torch.ones(3, 32, 30))
    assert bars.min() > 0.9
    assert red[:, 0, 0].tolist() == [1, 0, 0]
    assert red[:, -1, -1].tolist() == [0, 0, 1]
    assert len(list(loss.parameters())) == 0


def test_a_plays_every_loss_is_finite_and_teaches_the_sender(digits, dogs):
    arguments = ["--encoder", "SqueezeNetBackbone", "--freeze-backbone", "--loss", "NoLoss", "--batch-size", "4"]
    arguments += [*EVERY_LOSS, "--learn-sop-weights", "--like-a-dog-image", *dogs, "--separate-encoders"]
    agents, batch = agents_of(digits, *arguments), next(iter(batches_of(digits, *arguments)["train"]))
    loss = loss_of(config_of(*arguments), agents)
    terms = loss(
        agents(batch.photos, batch.candidates, batch.senders, feature_layers=loss.needed_layers), batch.targets
    )
    assert list(terms) == ["game", "perceptual", "dog", "CLIP", "reconstruct"]
    last = agents.decoder.latent_to_linecoord[4].weight
    for name, term in terms.items():
        (gradient,) = torch.autograd.grad(term, last, retain_graph=True)
        assert torch.isfinite(gradient).all()
        assert bool(gradient.abs().sum() > 0) == (name != "game")


def test_learnt_weights_are_drawn_after_the_agents(digits):
    arguments = ["--encoder", "SqueezeNetBackbone", "--sort-of-perceptual-loss"]

    def built(*more):
        torch.manual_seed(0)
        agents = agents_of(digits, *arguments, *more)
        return agents, loss_of(config_of(*arguments, *more), agents).auxiliary["perceptual"].weights

    (plain, _), (learning, weights) = built(), built("--learn-sop-weights")
    for one, other in zip(plain.parameters(), learning.parameters(), strict=True):
        assert torch.equal(one, other)
    assert isinstance(weights, LearntWeights)
    assert weights.values.shape == (5,)


def test_a_test_measures_the_game_and_pixels_alone(digits):
    arguments = ["--weights", "m.pt", *EVERY_LOSS, "--like-a-dog-image", "nowhere.png", "--learn-sop-weights"]
    for more, measured in (([], ["reconstruct"]), (["--no-reconstruct-loss"], [])):
        loss = loss_of(parse("test", [*arguments, *more]), agents_of(digits), testing=True)
        assert list(loss.auxiliary) == measured


def test_the_senders_view_is_transformed_where_asked(digits):
    plain, turned = (next(iter(batches_of(digits, *more)["test"])) for more in ((), ("--random-transform-sender",)))
    assert torch.equal(plain.items.senders, turned.items.senders)
    assert not torch.allclose(plain.photos[:32], turned.photos[:32], atol=0.1)
    own = turned.candidate_rows().gather(1, turned.targets[:, None]).flatten()
    assert torch.equal(turned.photos[own], plain.photos[:32])  # the receiver sees the picture as it is


def test_devices():
    assert choose_device("cpu") == CPU
    for name in ("quantum", "cuda:99", "meta", "hpu", ""):
        with pytest.raises(UsageError, match=f"--device {name} cannot be used"):
            choose_device(name)


def test_the_plan_says_what_will_be_played(digits):
    text = plan_of(digits, "--nlines", "7")
    trained = sum(parameter.numel() for parameter in agents_of(digits, "--nlines", "7").parameters())
    for part in (
        "Digits: train 1257, valid 180, test 360; 10 classes, 32 px, grey",
        "1248 turns with 32 candidates (original), 39 batches of 32",
        "chance level   0.0312",
        f"{trained:,} trained, 0 frozen",
        "SinglePassSimpleLineDecoder, nlines 7\n",
        "command line   --nlines 7",
    ):
        assert part in text
    assert "weight_decay" not in text  # at its default


def test_pictures_on_a_gpu_that_the_run_does_not_have():
    with pytest.raises(UsageError, match="--data-device cuda: this run is on cpu, not on a CUDA GPU") as error:
        set_up(config_of("--device", "cpu", "--data-device", "cuda"), ALL)
    assert len(str(error.value).splitlines()) <= 5


@pytest.mark.parametrize("asked", ["auto", "cpu"])
def test_without_a_gpu_pictures_wait_in_memory_and_the_plan_says_how_much_they_take(asked):
    arguments = ["--device", "cpu", "--data-device", asked]
    pictures = set_up(config_of(*arguments), ALL).pictures
    assert pictures.nbytes == (1257 + 180 + 360) * 32 * 32
    assert pictures.budget is None
    assert {split.images.device for split in pictures.splits.values()} == {CPU}
    assert "decoded        1.8 MiB of pictures in the CPU's memory\n" in plan_of(pictures, *arguments)


def test_the_plan_says_what_pictures_take_of_a_gpu(digits):
    moved = {name: split.to("meta") for name, split in digits.splits.items()}  # a device that every machine has
    text = describe(
        config_of(), replace(digits, splits=moved, budget=77 * 2**20), batches_of(digits), agents_of(digits)
    )
    assert "decoded        1.8 MiB of pictures on meta; the GPU's budget for them: 77 MiB\n" in text


@pytest.mark.gpu
def test_where_the_pictures_wait_changes_no_batch():
    device = torch.device("cuda:0")
    played = {}
    for place in ("cpu", "cuda"):
        setup = set_up(config_of("--device", "cuda:0", "--data-device", place), ALL)
        assert setup.pictures.splits["train"].images.device.type == place
        played[place] = list(setup.batches["train"])
    for one, other in zip(*played.values(), strict=True):
        assert one.photos.device == other.photos.device == device
        assert torch.equal(one.photos, other.photos)
        assert torch.equal(one.candidates, other.candidates)


def test_a_run_with_pictures_decoded_before_plays_the_same_games(tmp_path):
    for red, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for green in range(10):
            Image.new("RGB", (20 + green, 30), (red, green, 0)).save(tmp_path / name / f"{green}.png")
    words = ["--dataset", "ImageFolder", "--dataset-root", str(tmp_path), "--image-size", "8", "--batch-size", "3"]
    words += ["--cache-dir", str(tmp_path / ".cache")]
    first, again = (set_up(config_of(*words, "--device", "cpu"), ALL).batches for _ in range(2))
    assert len(list((tmp_path / ".cache").iterdir())) == 3
    for name in ALL:
        for one, other in zip(first[name], again[name], strict=True):
            assert torch.equal(one.photos, other.photos)
            assert torch.equal(one.targets, other.targets)


@pytest.mark.parametrize("norm", [True, False])
def test_every_encoder_normalises_where_that_is_asked_for(digits, norm):
    arguments = ["--encoder", "SqueezeNetBackbone", "--separate-encoders", "--decoder", "RecurrentSimpleLineDecoder"]
    agents = agents_of(digits, *arguments, *(["--imagenet-norm"] if norm else []))
    encoders = (agents.sender_encoder, agents.receiver_encoder, agents.decoder.encoder)
    assert [encoder.imagenet_norm for encoder in encoders] == [norm] * 3


@pytest.mark.parametrize(
    ("decoder", "lines"),
    [("SinglePassSimpleLineDecoder", 8), ("SinglePassCRSDecoder", 1), ("RecurrentSimpleLineDecoder", 5)],
)
def test_a_data_sets_number_of_lines_is_for_its_own_decoder(decoder, lines):
    assert config_of("--decoder", decoder).agents.decoder.config.nlines == lines


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"encoder": "SqueezeNetBackbone", "freeze_backbone": True}, "--freeze-backbone"),
        ({"encoder": "SqueezeNetBackbone", "freeze_backbone": True, "imagenet_weights": True}, None),
        ({"encoder": "SqueezeNetBackbone"}, None),
        ({"receiver_encoder": "VGG16Backbone", "receiver_freeze_backbone": True}, "--receiver-freeze-backbone"),
        ({"encoder": "CLIPVisualEncoder", "freeze_backbone": True}, None),  # always has OpenAI's weights
    ],
)
def test_a_frozen_backbone_with_random_weights_is_a_warning(options, flag, caplog):
    warn_of_random_backbones(configure("train", **options))
    assert (f"{flag}: the frozen backbone has random weights" in caplog.text) == (flag is not None)
    assert bool(caplog.text) == (flag is not None)

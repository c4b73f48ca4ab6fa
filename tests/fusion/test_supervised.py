"""Training on references: losses worked out on paper, every network's recipe, and whole trainings."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import laplace, sobel, uniform_filter
from skimage.metrics import structural_similarity
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from ivif.datasets.images import encode_png, write_png
from ivif.datasets.pairs import PairDataset, pair_folders
from ivif.fusion.cli import main
from ivif.fusion.loading import network_class, network_names
from ivif.fusion.method import FusionError
from ivif.fusion.reference.supervision import References, Targets, aggregated, each, nearest
from ivif.fusion.training.losses import (
    laplacian,
    reference_intensity_gradient_structure,
    reference_intensity_laplacian,
    ssim_map,
    weighted_absolute_error,
    weighted_map,
    weighted_squared_error,
)
from ivif.fusion.training.patches import Patches
from ivif.fusion.training.recipe import ByReferences, Examples, Recipe, TrainingStep
from ivif.fusion.training.recipes import recipe_for, recipe_names
from ivif.fusion.training.recipes.ddcgan import ddcgan_discriminator_loss, ddcgan_reference_content
from ivif.fusion.training.recipes.didfuse import dissimilarity, sobel_derivatives
from ivif.fusion.training.recipes.rfn_nest import ms_ssim, rfn_nest_reference_loss
from ivif.fusion.training.registry import register_recipe
from ivif.fusion.training.trainer import TrainingSettings, _descend, train

WEIGHTS = torch.tensor([[0.75, 0.25], [1.0, 0.0]])


def constants(*values: tuple[float, ...]) -> Tensor:
    """``[B, K, 4, 4]``, constant images."""
    return torch.tensor(values)[..., None, None].expand(-1, -1, 4, 4)


def test_errors_are_weighted_within_a_pair_and_averaged_over_pairs() -> None:
    fused, references = constants((0.5,), (0.2,)), constants((0.1, 0.9), (0.4, 0.8))
    # pair 1: .75 .4^2 + .25 .4^2 = .16; pair 2: .2^2 = .04
    assert weighted_squared_error(fused, references, WEIGHTS).item() == pytest.approx((0.16 + 0.04) / 2)
    assert weighted_absolute_error(fused, references, WEIGHTS).item() == pytest.approx((0.4 + 0.2) / 2)


def test_ddcgan_content_sums_over_pixels() -> None:
    fused, references = constants((0.5,)), constants((0.1, 0.9))
    # constant images: gradients differ only at the border, where zeros are outside; 16 pixels
    found = ddcgan_reference_content(fused, Targets(references, WEIGHTS[:1])).item()
    # -1 + n/8 of the value differs by .4: corners n = 3, sides 5, inside 8
    gradient = 0.4 * (4 * 5 / 8 + 8 * 3 / 8)
    assert found == pytest.approx(16 * 0.16 / 16 + 1.2 * gradient, rel=1e-5)


def test_ddcgan_judgement_by_hand() -> None:
    real, fake = torch.tensor([[0.5, 0.25]]), torch.tensor([[0.2]])
    expected = -(0.75 * np.log(0.5) + 0.25 * np.log(0.25)) - np.log(0.8)
    assert ddcgan_discriminator_loss(real, fake, WEIGHTS[:1]).item() == pytest.approx(expected, rel=1e-5)


def test_operators_see_each_reference_alone() -> None:
    references = torch.rand(2, 3, 8, 9)
    found = each(laplacian, references)
    for pair in range(2):
        for number in range(3):
            expected = laplacian(references[pair : pair + 1, number : number + 1])[0, 0]
            assert torch.allclose(found[pair, number], expected)


def test_one_reference_is_an_ordinary_loss() -> None:
    fused, reference, alone = torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16), torch.ones(2, 1)
    assert weighted_map(ssim_map, fused, reference, alone).item() == pytest.approx(
        ssim_map(reference, fused).mean().item(), rel=1e-5
    )
    assert reference_intensity_laplacian(fused, Targets(reference, alone), 10).item() == pytest.approx(
        ((fused - reference) ** 2).mean().item() + 10 * ((laplacian(fused) - laplacian(reference)) ** 2).mean().item(),
        rel=1e-5,
    )


def test_a_copy_of_all_references_costs_nothing() -> None:
    image = torch.rand(2, 1, 16, 16)
    references = image.expand(-1, 2, -1, -1)
    found = reference_intensity_gradient_structure(image, Targets(references, WEIGHTS), 20, 20)
    assert found.item() == pytest.approx(0, abs=1e-4)
    assert weighted_map(dissimilarity, image, references, WEIGHTS).item() == pytest.approx(0, abs=1e-5)


def test_there_is_a_recipe_for_every_network_that_is_more_than_its_published_weights() -> None:
    assert recipe_names() == [name for name in network_names() if not network_class(name).published_alone]
    with pytest.raises(FusionError, match="no recipe for 'nope'; there are didfuse, pmgi, "):
        recipe_for("nope", ByReferences("weighted"))
    with pytest.raises(FusionError, match="two recipes are of 'sdnet'"):
        register_recipe(type(recipe_for("sdnet")))


def small(network: str, batch: int = 3) -> Recipe:
    recipe = recipe_for(network, ByReferences("weighted"))
    recipe.batch = 1 if recipe.patch_is_fixed else batch
    if not recipe.patch_is_fixed:
        recipe.patch, recipe.stride = 16, 8
    return recipe


PIXELS = 16 * 16
COUNTS: dict[str, dict[str, float]] = {
    "didfuse": {"squared": 2, "clamped": 2, "slopes": 10},
    "pmgi": {"squared": 100, "laplacian": 100 * 5},
    "sdnet": {"squared": 1, "laplacian": 10},
    "fusiongan": {"squared": 100, "laplacian": 100 * 5},
    "ddcgan": {"squared": 0.6 * PIXELS / 16, "neighbours": 0.6 * PIXELS * 1.2},
    "swinfusion": {"absolute": 20, "edges": 20, "unlike": 10},
    "mgt": {"absolute": 50, "edges": 50, "unlike": 10},
    "datfuse": {"squared": 2, "unlike inside": 10},
}
"""How much each of `errors` counts in a network's loss; RFN-Nest's has terms of its own."""


def errors(fused: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """How far apart two pictures ``[H, W]`` are, by scipy and scikit-image."""
    difference = fused - reference
    edges = [sum(np.abs(sobel(image, axis, mode="constant")) for axis in (0, 1)) for image in (fused, reference)]
    neighbours = (9 * uniform_filter(difference, 3, mode="constant") - difference) / 8
    dark = [np.pad(image, 5) for image in (fused, reference)]  # as far as a window of 11 sees
    options = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 1.0}
    unlike = 1 - structural_similarity(*dark, full=True, **options)[1][5:-5, 5:-5]
    found = {
        "squared": difference**2,
        "absolute": np.abs(difference),
        "laplacian": laplace(difference, mode="constant") ** 2,
        "neighbours": np.abs(neighbours - difference),
        "slopes": [np.abs(sobel(difference, axis, mode="nearest")) / 8 for axis in (0, 1)],
        "edges": np.abs(edges[0] - edges[1]),
        "unlike": unlike,
        "unlike inside": unlike[5:-5, 5:-5],
        "clamped": np.clip(unlike, 0, 1) / 2,
    }
    return {name: float(np.mean(values)) for name, values in found.items()}


class Given(nn.Module):
    """A network that gives the same whatever it sees."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, images: Tensor, *others: Tensor, update: bool = True) -> Tensor:
        return self.output.expand(len(images), *self.output.shape[1:])


def giving(fused: Tensor, score: float = 0.5) -> nn.ModuleDict:
    """Networks that fuse to `fused` and judge everything alike."""
    return nn.ModuleDict({"generator": Given(fused), "discriminator": Given(torch.tensor([[score]]))})


@pytest.mark.parametrize("network", sorted({*recipe_names()} - {"rfn_nest"}))
def test_every_error_counts_as_often_as_the_network_wants(network: str) -> None:
    """With nothing amiss in what is decomposed: sources are grey, 0 in -1..1, and so is all that comes of them."""
    torch.manual_seed(0)
    references, fused, grey = torch.rand(2, 2, 16, 16), torch.rand(2, 1, 16, 16), torch.full((2, 1, 16, 16), 0.5)
    seen = 2 * references - 1 if network in ("pmgi", "sdnet", "fusiongan") else references
    expected = 0.0
    for image, others, weights in zip(fused, seen, WEIGHTS, strict=True):
        for other, weight in zip(others, weights, strict=True):
            found = errors(image[0].double().numpy(), other.double().numpy())
            expected += float(weight) * sum(count * found[name] for name, count in COUNTS[network].items()) / 2
    if network == "fusiongan":  # whose result lacks a border of 6
        references = pad(references, (6, 6, 6, 6))
    recipe, networks = recipe_for(network, ByReferences("weighted")), giving(fused)
    recipe.forward = lambda *_: [fused] + [0 * fused] * {"didfuse": 4, "sdnet": 2}.get(network, 0)
    step = TrainingStep(networks, lambda name, loss: loss.item(), nullcontext, torch.Generator(), number=1)
    losses = recipe.step(step, grey, grey, references, WEIGHTS)
    assert losses["content" if recipe.patch_is_fixed else "loss"] == pytest.approx(expected, rel=1e-5)
    assert recipe.loss(networks, grey, grey, references, WEIGHTS).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("network", "outputs", "expected"),
    [
        ("didfuse", (0.1, 0.4, 0.2, 0.2), 0.5 * np.tanh(0.3)),
        ("didfuse", (0.1, 0.1, 0.2, 0.9), -0.5 * np.tanh(0.7)),
        ("sdnet", (0.4, 0.6), 0.1**2),
        ("sdnet", (0.5, 0.9), 0.3**2),
    ],
    ids=["bases", "details", "infrared", "visible"],
)
def test_what_is_decomposed_counts_too(network: str, outputs: tuple[float, ...], expected: float) -> None:
    """Base maps alike and detail maps apart, or the sources, .5 and .6, again; fused and references are the same."""
    grey, sources = constants((0.5,)), (constants((0.5,)), constants((0.6,)))
    targets = Targets(constants((0.5, 0.5)), WEIGHTS[:1])
    given = [grey, *(constants((x,)) for x in outputs)]
    found = recipe_for(network, ByReferences("weighted")).referenced(Examples(*sources), given, targets)
    assert found.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("level", "count"), [(0, 0.001), (1, 0.01), (2, 0.1), (3, 1.0)])
def test_deeper_maps_count_more_for_rfn_nest(level: int, count: float) -> None:
    """Of a step from 3 to 5, once stretched from 0 to 255 as both references are, whose maps are 10 and 50, not 0."""
    stairs = torch.zeros(1, 1, 16, 16)
    stairs[..., 8:] = 1.0
    targets = Targets((255 * stairs).expand(-1, 2, -1, -1), WEIGHTS[:1])
    bright = constants((10.0, 50.0)).unsqueeze(2)
    maps = [bright if number == level else 0 * bright for number in range(4)]
    found = rfn_nest_reference_loss(3 + 2 * stairs, targets, [0 * bright[:, 0]] * 4, maps)
    assert found.item() == pytest.approx(count * (0.75 * 10 + 0.25 * 50) ** 2, rel=1e-4)


def test_structure_of_several_references_is_that_of_each_alone() -> None:
    torch.manual_seed(0)
    fused, references = 255 * torch.rand(2, 1, 40, 32), 255 * torch.rand(2, 3, 40, 32)
    found, single = ms_ssim(fused, references, axes=(2, 3)), ssim_map(references / 255, fused / 255)
    for pair in range(2):
        for number in range(3):
            image, other = fused[pair, None], references[pair, None, number, None]
            assert found[pair, number].item() == pytest.approx(ms_ssim(image, other).item(), rel=1e-5)
            torch.testing.assert_close(single[pair, number], ssim_map(other / 255, image / 255)[0, 0])


def test_structure_of_rfn_nest_by_hand() -> None:
    """Black, beside white of weight .75 and black of .25; maps are what they should be, .75 * 255 at all levels.

    Of black and white, structure is 1 at all scales, luminance C / (255^2 + C), C = 2.55^2; it counts at the coarsest
    one, mapped by (x + 1) / 2, to the power of .1333. Single precision leaves white a variance, hence the tolerance.
    """
    network = SimpleNamespace(
        encode=lambda image: [image] * 4, fuse_maps=lambda infrared, visible: infrared, decode=lambda maps: maps[0]
    )
    images = [torch.full((1, 1, 16, 16), value) for value in (0.75, 0.1)]
    supervision = torch.tensor([1.0, 0.0])[None, :, None, None].expand(1, 2, 16, 16), WEIGHTS[:1]
    recipe, networks = recipe_for("rfn_nest", ByReferences("weighted")), {"generator": network}
    luminance = 2.55**2 / (255**2 + 2.55**2)
    expected = 0.75 * (1 - ((luminance + 1) / 2) ** 0.1333)
    step = TrainingStep(networks, lambda name, loss: loss.item(), nullcontext, torch.Generator())
    assert recipe.fuse(step, *images, *supervision)["fuse"] == pytest.approx(expected, rel=1e-3)
    assert recipe.loss(networks, *images, *supervision).item() == pytest.approx(expected, rel=1e-3)


def descents(network: str, fused: Tensor, references: Tensor, score: float, number: int = 0) -> list[tuple[str, float]]:
    """Losses that a step goes down, for one pair with references of weights .75 and .25, and whose they are."""
    found: list[tuple[str, float]] = []

    def descend(name: str, loss: Tensor) -> float:
        found.append((name, loss.item()))
        return loss.item()

    step = TrainingStep(giving(fused, score), descend, nullcontext, torch.Generator().manual_seed(0), number)
    recipe = recipe_for(network, ByReferences("weighted"))
    recipe.step(step, *torch.rand(2, 1, 1, 4, 4).unbind(), references, WEIGHTS[:1])
    return found


def test_labels_and_content_of_fusiongan() -> None:
    """Everything is judged .5: real labels are .7 to 1.2, fake ones 0 to .3, and the generator wants real ones.

    In -1..1, fused is 0, references are 1, with weight .75, and 0. The square of 1 is 1, that of its Laplacian, with
    zeros outside, 1 at 8 sides and 4 at 4 corners of 16 pixels: 1.5.
    """
    references = pad(constants((1.0, 0.5)), (6, 6, 6, 6))
    (_, first), (_, second), (name, generating) = descents("fusiongan", 0 * constants((1.0,)), references, 0.5)
    draw = torch.Generator().manual_seed(0)
    for judging in (first, second):
        one, other, fake = *torch.rand(2, generator=draw).tolist(), torch.rand(1, generator=draw).item()
        real = 0.75 * (0.5 - 0.7 - 0.5 * one) ** 2 + 0.25 * (0.5 - 0.7 - 0.5 * other) ** 2
        assert judging == pytest.approx(real + (0.5 - 0.3 * fake) ** 2, rel=1e-5)
    wanted = (0.5 - 0.7 - 0.5 * torch.rand(1, generator=draw).item()) ** 2
    assert name == "generator" and generating == pytest.approx(wanted + 100 * 0.75 * (1 + 5 * 1.5), rel=1e-6)


@pytest.mark.parametrize(("probability", "fooled"), [(0.5, False), (0.4, True)])
def test_content_of_ddcgan_counts_again_where_the_judge_is_fooled(probability: float, fooled: bool) -> None:
    """Everything is judged real with probability p; -log p - log(1 - p) is 1.39 and 1.43, on both sides of 1.4.

    Fused is 40, the references 0, with weight .75, and 40; corners of 40 lack 5 of 8 neighbours, sides 3.
    """
    fooling = -np.log(probability)
    whole = fooling + 0.6 * 0.75 * (16 * 40**2 / 16 + 1.2 * 40 * (4 * 5 / 8 + 8 * 3 / 8))
    found = descents("ddcgan", constants((40.0,)), constants((0.0, 40.0)), probability, number=1)
    assert [name for name, _ in found] == ["generator"] * 4
    assert [loss for _, loss in found] == pytest.approx([whole] + [whole if fooled else fooling] * 3, rel=1e-6)


@pytest.mark.parametrize("network", sorted({*recipe_names()} - {"ddcgan"}))
def test_steps_on_one_batch_lower_its_loss(network: str) -> None:
    torch.manual_seed(0)
    recipe = small(network)
    recipe.learning_rate = 1e-3
    networks = recipe.build()
    for parameter in networks.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    optimizers = recipe.optimizers(networks)
    sources = torch.rand(2, recipe.batch, 1, recipe.patch, recipe.patch).unbind()
    references = torch.stack([sources[0][:, 0], sources[1][:, 0]], 1)
    step = TrainingStep(
        networks,
        lambda name, loss: _descend(networks[name], optimizers[name], loss, world=1),
        nullcontext,
        torch.Generator(),
        share=0.9,
    )
    weights = torch.tensor([[0.75, 0.25]]).repeat(recipe.batch, 1)
    steps = 3 if recipe.patch_is_fixed else 12
    key = "content" if recipe.patch_is_fixed else "loss"
    losses = [recipe.step(step, *sources, references, weights)[key] for _ in range(steps)]
    assert losses[-1] < (0.97 if recipe.patch_is_fixed else 0.9) * losses[0]


def test_ddcgan_takes_turns_with_one_discriminator() -> None:
    torch.manual_seed(0)
    recipe = small("ddcgan")
    networks = recipe.build()
    assert set(networks) == {"generator", "discriminator"}
    names: list[str] = []
    images = torch.rand(2, 1, 1, 84, 84).unbind()
    supervision = torch.rand(1, 2, 84, 84), torch.tensor([[0.6, 0.4]])

    def descend(name: str, loss: Tensor) -> float:
        names.append(name)
        return loss.item()

    for number, turn in enumerate(("discriminator", "generator")):
        names.clear()
        recipe.step(
            TrainingStep(networks, descend, nullcontext, torch.Generator(), number=number), *images, *supervision
        )
        assert set(names) == {turn} and len(names) <= 1 + recipe.repeats


def test_max_is_the_brightest_with_the_strongest_details() -> None:
    """Of a step up and a weaker step down, side by side; a third reference does not exist."""
    up, down = torch.zeros(6, 6), torch.full((6, 6), 0.5)
    up[:, 3:], down[:, 3:] = 1.0, 0.25
    references = torch.stack([up, down, torch.ones(6, 6)])[None]
    found = aggregated(references, torch.tensor([[0.6, 0.4, 0.0]]), "max")
    assert found.weights.tolist() == [[1.0]]
    assert torch.equal(found.images[0, 0], torch.maximum(up, down))
    middle = (0, 0, 3, slice(None))
    # along a row in the middle: 0 0 0 1 1 1, whose Laplacian is 0 0 1 -1 0 -1 (zeros outside), and .5 .5 .5 .25 .25 .25
    # with -.5 0 -.25 .25 0 -.25
    expected = torch.tensor([-0.5, 0.0, 1.0, -1.0, 0.0, -1.0])
    assert torch.allclose(found.details(laplacian)[middle], expected)
    slopes = found.details(sobel_derivatives)  # (1 + 2 + 1) / 8 on both sides of the step
    assert slopes.shape == (1, 1, 2, 6, 6)
    assert slopes[0, 0, 0, 3].tolist() == pytest.approx([0, 0, 0.5, 0.5, 0, 0])


@pytest.mark.parametrize("network", recipe_names())
def test_max_of_one_reference_is_that_reference(network: str) -> None:
    torch.manual_seed(0)
    recipe = small(network)
    size = recipe.batch, 1, recipe.patch, recipe.patch
    networks, (infrared, visible, reference) = recipe.build().eval(), torch.rand(3, *size).unbind()
    losses = []
    for aggregation in ("weighted", "max"):
        recipe.supervision = ByReferences(aggregation)
        losses.append(recipe.loss(networks, infrared, visible, reference, torch.ones(recipe.batch, 1)).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_rfn_nest_learns_to_rebuild_first_and_is_then_held_fixed() -> None:
    torch.manual_seed(0)
    recipe = small("rfn_nest", 1)
    networks, moved = recipe.build(), []
    generator = networks["generator"]

    def descend(name: str, loss: Tensor) -> float:
        parts = [part for part, parameter in generator.named_parameters() if parameter.requires_grad]
        found = torch.autograd.grad(loss, [generator.get_parameter(part) for part in parts], allow_unused=True)
        moved.append({part.split(".")[0] for part, gradient in zip(parts, found, strict=True) if gradient is not None})
        return loss.item()

    images = torch.rand(2, 1, 1, 16, 16).unbind()
    supervision = torch.rand(1, 2, 16, 16), torch.tensor([[0.6, 0.4]])
    for share in (0.0, 0.5):
        recipe.step(TrainingStep(networks, descend, nullcontext, torch.Generator(), share=share), *images, *supervision)
    fusing = {f"fusion_block{number}" for number in range(1, 5)}
    assert moved[0] and not moved[0] & fusing
    assert moved[1] == fusing


@pytest.fixture
def data(tmp_path: Path) -> PairDataset:
    """Twelve pairs with two references each: infrared and visible itself."""
    for number in range(12):
        images = []
        for role in ("infrared", "visible"):
            generator = torch.Generator().manual_seed(100 * number + len(role))
            grid = torch.rand(1, 1, 5, 7, generator=generator)
            image = interpolate(grid, (40, 56), mode="bicubic").clamp(0, 1)[0].mul(255).to(torch.uint8)
            write_png(tmp_path / role / f"pair{number}.png", image)
            images.append(image)
        folder = tmp_path / "refs" / "pairs" / f"pair{number}"
        folder.mkdir(parents=True)
        for place, image in enumerate(images, start=1):
            (folder / f"{place}.png").write_bytes(encode_png(image))
        made_by = {"rule": {"name": "auto", "count": 2}, "enhancement": [{"kind": "none"}] * 2, "files": []}
        (folder / "record.json").write_text(json.dumps({"weights": [0.75, 0.25], **made_by}))
    return pair_folders(tmp_path / "infrared", tmp_path / "visible")


def test_references_are_cut_and_turned_as_their_sources(data: PairDataset, tmp_path: Path) -> None:
    patches = Patches(data, 16, seed=0, augment=True, references=References(tmp_path / "refs", 3))
    infrared, visible, references, weights = patches.batch(0, 6)
    assert torch.equal(references[:, :1], infrared) and torch.equal(references[:, 1:2], visible)
    assert torch.allclose(weights, torch.tensor([0.75, 0.25, 0.0]).repeat(6, 1))


def test_training_resumes_exactly_and_names_what_it_learned_from(data: PairDataset, tmp_path: Path) -> None:
    def settings(name: str) -> TrainingSettings:
        return TrainingSettings(tmp_path / name, references=References(tmp_path / "refs", 2))

    whole = train(small("pmgi"), data, settings("whole"), "4")
    for budget in ("2", "4"):
        parts = train(small("pmgi"), data, settings("parts"), budget)
    assert (tmp_path / "whole" / "pmgi+rts.safetensors").read_bytes() == (
        tmp_path / "parts" / "pmgi+rts.safetensors"
    ).read_bytes()
    assert whole.recipe["supervision"] == "rts" and whole.recipe["references"] == parts.recipe["references"]
    assert whole.recipe["references_made_by"].startswith("auto, K 2, enhancement none; 2.0 of each pair")
    assert np.isfinite(whole.recipe["last_losses"]["validation"])


def test_what_is_no_set_of_references_is_refused(data: PairDataset, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="is no folder of references"):
        References(tmp_path / "refs" / "pairs")
    assert References(tmp_path / "refs").most(data) == 2
    own = ["--infrared", str(tmp_path / "infrared"), "--visible", str(tmp_path / "visible"), "--patch", "32"]
    words = ["train", "sdnet", "--supervision", "rts", "--references", str(tmp_path / "refs"), "--budget", "1", *own]
    assert main([*words, "--k", "3", "--out", str(tmp_path / "out")]) == 2
    write_png(tmp_path / "refs" / "pairs" / "pair0" / "2.png", torch.zeros(1, 8, 8, dtype=torch.uint8))
    with pytest.raises(FusionError, match="pair0: references differ in size"):
        References(tmp_path / "refs").read("pair0")


def test_references_of_the_first_pairs_train_on_these(data: PairDataset, tmp_path: Path) -> None:
    last = data[len(data) - 1]
    (tmp_path / "refs" / "pairs" / last.name / "record.json").unlink()
    own = ["--infrared", str(tmp_path / "infrared"), "--visible", str(tmp_path / "visible"), "--patch", "32"]
    words = ["train", "sdnet", "--supervision", "rts", "--references", str(tmp_path / "refs"), "--budget", "1", *own]
    assert main([*words, "--out", str(tmp_path / "all")]) == 2
    assert main([*words, "--out", str(tmp_path / "first"), "--limit", str(len(data) - 1)]) == 0


def test_references_go_with_their_recipes_alone(data: PairDataset, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="references go with rts"):
        train(small("sdnet"), data, TrainingSettings(tmp_path / "out"), "1")
    with pytest.raises(FusionError, match="references go with rts"):
        train(
            recipe_for("sdnet"), data, TrainingSettings(tmp_path / "out", references=References(tmp_path / "refs")), "1"
        )


def test_training_can_start_from_the_original_weights(data: PairDataset, tmp_path: Path) -> None:
    root = tmp_path / "roads"
    for role, folder in (("infrared", "cropinfrared"), ("visible", "crop_LR_visible")):
        (root / folder).parent.mkdir(parents=True, exist_ok=True)
        (root / folder).symlink_to(tmp_path / role)
    common = ["train", "swinfusion", "--supervision", "rts", "--root", str(root), "--patch", "16", "--batch", "1"]
    common += ["--budget", "1", "--out", str(tmp_path / "out")]
    assert main([*common, "--references", str(tmp_path / "refs"), "--k", "2", "--init", "original"]) == 0
    manifest = json.loads((tmp_path / "out" / "swinfusion+rts.json").read_text())
    assert len(manifest["recipe"]["initial"]) == 64
    assert main(common) == 2  # no references


def test_the_nearest_references_count_most() -> None:
    """Squared distances are .01, .04 and 1, weights .5, .3 and .2, their mean .217, three times which .651."""
    fused = torch.zeros(1, 1, 4, 4)
    images = torch.tensor([0.1, 0.2, 1.0])[None, :, None, None].expand(1, 3, 4, 4)
    found = nearest(Targets(images, torch.tensor([[0.5, 0.3, 0.2]])), fused).weights
    expected = np.array([0.5, 0.3 * np.exp(-0.03 / 0.651), 0.2 * np.exp(-0.99 / 0.651)])
    assert found.numpy()[0] == pytest.approx(expected / expected.sum(), rel=1e-5)


def test_references_that_do_not_exist_are_never_near() -> None:
    fused, images = torch.zeros(1, 1, 4, 4), torch.stack([torch.ones(4, 4), torch.zeros(4, 4)])[None]
    assert nearest(Targets(images, torch.tensor([[1.0, 0.0]])), fused).weights.tolist() == [[1.0, 0.0]]

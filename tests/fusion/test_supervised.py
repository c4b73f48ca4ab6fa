"""Training on references: losses worked out on paper, every network's recipe, and whole trainings."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from datasets.images import encode_png, write_png
from datasets.pairs import PairDataset, pair_folders
from fusion.cli import main
from fusion.method import FusionError
from fusion.reference.supervision import References, Targets, aggregated, each
from fusion.training.losses import laplacian, sobel_derivatives, ssim_map
from fusion.training.patches import Patches
from fusion.training.recipe import Step
from fusion.training.recipes import RECIPES, recipe_for
from fusion.training.reference_losses import (
    absolute_error,
    ddcgan_reference_content,
    ddcgan_reference_judgement,
    dissimilarity,
    intensity_and_laplacian,
    similarity,
    squared_error,
    swinfusion_reference_loss,
)
from fusion.training.supervised import SUPERVISED, Supervised, supervised_recipe_for
from fusion.training.trainer import Settings, _descend, train

WEIGHTS = torch.tensor([[0.75, 0.25], [1.0, 0.0]])


def constants(*values: tuple[float, ...]) -> Tensor:
    """``[B, K, 4, 4]``, constant images."""
    return torch.tensor(values)[..., None, None].expand(-1, -1, 4, 4)


def test_errors_are_weighted_within_a_pair_and_averaged_over_pairs() -> None:
    fused, references = constants((0.5,), (0.2,)), constants((0.1, 0.9), (0.4, 0.8))
    # pair 1: .75 .4^2 + .25 .4^2 = .16; pair 2: .2^2 = .04
    assert squared_error(fused, references, WEIGHTS).item() == pytest.approx((0.16 + 0.04) / 2)
    assert absolute_error(fused, references, WEIGHTS).item() == pytest.approx((0.4 + 0.2) / 2)


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
    assert ddcgan_reference_judgement(real, fake, WEIGHTS[:1]).item() == pytest.approx(expected, rel=1e-5)


def test_operators_see_each_reference_alone() -> None:
    references = torch.rand(2, 3, 8, 9)
    found = each(laplacian, references)
    for pair in range(2):
        for number in range(3):
            expected = laplacian(references[pair : pair + 1, number : number + 1])[0, 0]
            assert torch.allclose(found[pair, number], expected)


def test_one_reference_is_an_ordinary_loss() -> None:
    fused, reference, alone = torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16), torch.ones(2, 1)
    assert similarity(fused, reference, alone).item() == pytest.approx(
        ssim_map(reference, fused).mean().item(), rel=1e-5
    )
    assert intensity_and_laplacian(fused, Targets(reference, alone), 10).item() == pytest.approx(
        ((fused - reference) ** 2).mean().item() + 10 * ((laplacian(fused) - laplacian(reference)) ** 2).mean().item(),
        rel=1e-5,
    )


def test_a_copy_of_all_references_costs_nothing() -> None:
    image = torch.rand(2, 1, 16, 16)
    references = image.expand(-1, 2, -1, -1)
    assert swinfusion_reference_loss(image, Targets(references, WEIGHTS)).item() == pytest.approx(0, abs=1e-4)
    assert dissimilarity(image, references, WEIGHTS).item() == pytest.approx(0, abs=1e-5)


def test_there_is_a_supervised_recipe_for_every_network() -> None:
    assert SUPERVISED.keys() == RECIPES.keys()
    with pytest.raises(FusionError, match="no recipe"):
        supervised_recipe_for("nope")


def small(network: str, batch: int = 3) -> Supervised:
    recipe = supervised_recipe_for(network)
    recipe.batch = 1 if recipe.patch_is_fixed else batch
    if not recipe.patch_is_fixed:
        recipe.patch, recipe.stride = 16, 8
    return recipe


@pytest.mark.parametrize("network", sorted(SUPERVISED.keys() - {"ddcgan"}))
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
    step = Step(
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
        recipe.step(Step(networks, descend, nullcontext, torch.Generator(), number=number), *images, *supervision)
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


@pytest.mark.parametrize("network", sorted(SUPERVISED))
def test_max_of_one_reference_is_that_reference(network: str) -> None:
    torch.manual_seed(0)
    recipe = small(network)
    size = recipe.batch, 1, recipe.patch, recipe.patch
    networks, (infrared, visible, reference) = recipe.build().eval(), torch.rand(3, *size).unbind()
    losses = []
    for recipe.aggregation in ("weighted", "max"):
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
        recipe.step(Step(networks, descend, nullcontext, torch.Generator(), share=share), *images, *supervision)
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
        (folder / "record.json").write_text(json.dumps({"weights": [0.75, 0.25]}))
    return pair_folders(tmp_path / "infrared", tmp_path / "visible")


def test_references_are_cut_and_turned_as_their_sources(data: PairDataset, tmp_path: Path) -> None:
    patches = Patches(data, 16, seed=0, augment=True, references=References(tmp_path / "refs", 3))
    infrared, visible, references, weights = patches.batch(0, 6)
    assert torch.equal(references[:, :1], infrared) and torch.equal(references[:, 1:2], visible)
    assert torch.allclose(weights, torch.tensor([0.75, 0.25, 0.0]).repeat(6, 1))


def test_training_resumes_exactly_and_names_what_it_learned_from(data: PairDataset, tmp_path: Path) -> None:
    def settings(name: str) -> Settings:
        return Settings(tmp_path / name, references=References(tmp_path / "refs", 2))

    whole = train(small("pmgi"), data, settings("whole"), "4")
    for budget in ("2", "4"):
        parts = train(small("pmgi"), data, settings("parts"), budget)
    assert (tmp_path / "whole" / "pmgi+rts.safetensors").read_bytes() == (
        tmp_path / "parts" / "pmgi+rts.safetensors"
    ).read_bytes()
    assert whole.recipe["supervision"] == "rts" and whole.recipe["references"] == parts.recipe["references"]
    assert np.isfinite(whole.recipe["last_losses"]["validation"])


def test_references_go_with_their_recipes_alone(data: PairDataset, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="references go with rts"):
        train(small("sdnet"), data, Settings(tmp_path / "out"), "1")
    with pytest.raises(FusionError, match="references go with rts"):
        train(recipe_for("sdnet"), data, Settings(tmp_path / "out", references=References(tmp_path / "refs")), "1")


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

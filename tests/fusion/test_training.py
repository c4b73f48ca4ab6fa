"""Training: steps that learn, exact resume, budgets, several processes; at tiny sizes."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from datasets.images import write_png
from datasets.pairs import PairDataset, pair_folders
from fusion.method import FusionError
from fusion.training.patches import Patches, training_split
from fusion.training.recipes import RECIPES, Recipe, Step, recipe_for
from fusion.training.trainer import Budget, Settings, _descend, train
from fusion.weights.manifest import problems


@pytest.fixture
def pairs(tmp_path: Path) -> PairDataset:
    """Twelve smooth pairs of 56x40, of which some are held out."""
    for number in range(12):
        for role, channels in (("infrared", 1), ("visible", 3)):
            random = np.random.default_rng((number, channels))
            coarse = torch.from_numpy(random.random((1, channels, 5, 7), dtype=np.float32))
            smooth = torch.nn.functional.interpolate(coarse, size=(40, 56), mode="bicubic").clamp(0, 1)[0]
            write_png(tmp_path / role / f"pair{number}.png", (smooth * 255).to(torch.uint8))
    return pair_folders(tmp_path / "infrared", tmp_path / "visible")


def small(network: str, patch: int = 16, batch: int = 4) -> Recipe:
    """A recipe at a size that a test can afford."""
    recipe = recipe_for(network)
    recipe.patch, recipe.batch, recipe.stride = patch, batch, 8  # type: ignore[misc]
    return recipe


def weights(out: Path, network: str) -> dict[str, torch.Tensor]:
    return load_file(out / f"{network}.safetensors")


@pytest.mark.parametrize("network", RECIPES)
def test_steps_on_one_batch_lower_its_loss(network: str) -> None:
    torch.manual_seed(0)
    recipe = small(network)
    networks = recipe.build()
    for parameter in networks.parameters():  # initial weights of 1e-3 would need long to show anything
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    optimizers = recipe.optimizers(networks)
    images = torch.rand(2, 4, 1, 16, 16).unbind()

    def descend(name: str, loss: torch.Tensor) -> float:
        return _descend(networks[name], optimizers[name], loss, world=1)

    from contextlib import nullcontext

    step = Step(networks, descend, nullcontext, torch.Generator())
    losses = [recipe.step(step, *images)["loss"] for _ in range(10)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("network", RECIPES)
def test_interrupted_training_ends_with_the_same_bits(network: str, pairs: PairDataset, tmp_path: Path) -> None:
    whole, parts = Settings(tmp_path / "whole", validate_every=2), Settings(tmp_path / "parts", validate_every=2)
    train(small(network), pairs, whole, "5")
    for budget in ("2", "3", "5"):
        train(small(network), pairs, parts, budget)
    found, expected = weights(parts.out, network), weights(whole.out, network)
    assert all(torch.equal(found[name], expected[name]) for name in expected)

    def losses(out: Path) -> list[str]:
        return [row["loss"] for row in csv.DictReader((out / "log.csv").open())]

    assert losses(parts.out) == losses(whole.out) and len(losses(whole.out)) == 5


def test_weights_come_with_a_record_and_fit_the_method(pairs: PairDataset, tmp_path: Path) -> None:
    manifest = train(small("sdnet"), pairs, Settings(tmp_path / "out"), "2")
    path = tmp_path / "out" / "sdnet.safetensors"
    assert problems(path) == []
    record = manifest.recipe or {}
    assert record["steps"] == 2 and record["supervision"] == "original" and record["last_losses"]["loss"] > 0
    # 8-pixel grid of 16-pixel patches in 56x40: 6 x 4 a pair, 15 epochs, batches of 4
    seen, _ = training_split(pairs)
    assert record["published_steps"] == 15 * (len(seen) * 24 // 4)
    assert record["share_of_published_schedule"] == pytest.approx(2 / record["published_steps"])
    import fusion

    fused = fusion.load("sdnet", weights=path).fuse(torch.rand(1, 1, 20, 30), torch.rand(1, 3, 20, 30))
    assert fused.shape == (1, 3, 20, 30)


def test_a_checkpoint_of_another_training_is_refused(pairs: PairDataset, tmp_path: Path) -> None:
    train(small("sdnet"), pairs, Settings(tmp_path / "out"), "1")
    with pytest.raises(FusionError, match="another training"):
        train(small("sdnet"), pairs, Settings(tmp_path / "out", seed=1), "2")


def test_a_training_that_diverges_stops(pairs: PairDataset, tmp_path: Path) -> None:
    recipe = small("sdnet")
    recipe.learning_rate = 1e30  # type: ignore[misc]
    with pytest.raises(FusionError, match="diverged"):
        train(recipe, pairs, Settings(tmp_path / "out"), "20")


def test_time_budgets_stop_in_time(pairs: PairDataset, tmp_path: Path) -> None:
    manifest = train(small("sdnet"), pairs, Settings(tmp_path / "out"), "1s")
    record = manifest.recipe or {}
    assert 0 < record["steps"] < record["published_steps"] and record["seconds"] < 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Budget(70)),
        ("500", Budget(500)),
        ("90s", Budget(70, 90)),
        ("40m", Budget(70, 2400)),
        ("1.5h", Budget(70, 5400)),
    ],
)
def test_budgets(text: str | None, expected: Budget) -> None:
    assert Budget.parse(text, 70) == expected


@pytest.mark.parametrize("text", ["", "soon", "4.5", "-3", "10d"])
def test_nonsense_budgets_are_refused(text: str) -> None:
    with pytest.raises(FusionError, match="number of steps, or a time"):
        Budget.parse(text, 70)


def test_patches_are_cut_from_both_images_alike(pairs: PairDataset) -> None:
    same = PairDataset("same", tuple(type(pair)(pair.name, pair.infrared, pair.infrared) for pair in pairs))
    infrared, visible = Patches(same, 16, seed=3, augment=True).batch(7, 6)
    assert torch.equal(infrared, visible) and infrared.shape == (6, 1, 16, 16)
    again, _ = Patches(same, 16, seed=3, augment=True).batch(7, 6)
    other, _ = Patches(same, 16, seed=3, augment=True).batch(8, 6)
    assert torch.equal(infrared, again) and not torch.equal(infrared, other)


def test_the_split_is_by_name_alone(pairs: PairDataset) -> None:
    train_part, held_out = training_split(pairs)
    names = {pair.name for pair in train_part}
    assert names.isdisjoint(pair.name for pair in held_out) and len(train_part) + len(held_out) == 12
    assert len(train_part) > len(held_out) > 0
    fewer, _ = training_split(pairs[3:9])
    assert {pair.name for pair in fewer} == names & {pair.name for pair in pairs[3:9]}


SCRIPT = """
import sys
from pathlib import Path
from datasets.pairs import pair_folders
from fusion.training.recipes import recipe_for
from fusion.training.trainer import Settings, train
root, out = Path(sys.argv[1]), Path(sys.argv[2])
recipe = recipe_for("sdnet")
recipe.patch, recipe.batch, recipe.stride = 16, 4, 8
train(recipe, pair_folders(root / "infrared", root / "visible"), Settings(out), "3")
"""


def test_two_processes_train_one_network(pairs: PairDataset, tmp_path: Path) -> None:
    """Both see their own patches and end with equal weights, those of one process that averages both gradients."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    done = subprocess.run(
        [*command, str(tmp_path), str(tmp_path / "out")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    first, second = weights(tmp_path / "out", "sdnet"), load_file(tmp_path / "out" / ".rank1.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)

    recipe = small("sdnet", batch=2)
    torch.manual_seed(0)
    networks = recipe.build()
    optimizer = recipe.optimizers(networks)["generator"]
    patches = Patches(training_split(pairs)[0], 16, seed=0)
    for step in range(3):
        losses = [recipe.loss(networks, *patches.batch(step, 2, rank)) for rank in (0, 1)]
        optimizer.zero_grad()
        (sum(losses) / 2).backward()
        optimizer.step()
    alone = networks["generator"].state_dict()
    assert all(torch.allclose(first[name], alone[name], atol=1e-6) for name in alone)

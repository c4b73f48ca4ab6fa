"""Training: steps that learn, exact resume, budgets, several processes; at tiny sizes."""

import csv
import hashlib
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ivif.datasets.images import to_float, write_png
from ivif.datasets.pairs import PairDataset, pair_folders
from ivif.fusion.method import FusionError
from ivif.fusion.networks.pmgi import PMGI
from ivif.fusion.training.patches import Patches, training_split
from ivif.fusion.training.recipe import BySources, Recipe, TrainingStep
from ivif.fusion.training.recipes import recipe_for, recipe_names
from ivif.fusion.training.recipes.ddcgan import DDcGANRecipe
from ivif.fusion.training.recipes.fusiongan import FusionGANRecipe
from ivif.fusion.training.recipes.rfn_nest import RFNNestRecipe
from ivif.fusion.training.trainer import TrainingBudget, TrainingSettings, _descend, _follow, one_cycle, train
from ivif.fusion.weights.manifest import problems


@pytest.fixture
def pairs(tmp_path: Path) -> PairDataset:
    """Twelve smooth pairs of 56x40, of which some are held out."""
    return smooth_pairs(tmp_path)


def smooth_pairs(tmp_path: Path, width: int = 56, height: int = 40) -> PairDataset:
    for number in range(12):
        for role, channels in (("infrared", 1), ("visible", 3)):
            random = np.random.default_rng((number, channels))
            coarse = torch.from_numpy(random.random((1, channels, 5, 7), dtype=np.float32))
            smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)[0]
            write_png(tmp_path / role / f"pair{number}.png", (smooth * 255).to(torch.uint8))
    return pair_folders(tmp_path / "infrared", tmp_path / "visible")


def small(network: str, patch: int = 16, batch: int = 4) -> Recipe:
    """A recipe at a size that a test can afford."""
    recipe = recipe_for(network)
    recipe.batch = batch
    if recipe.patch_is_fixed:
        recipe.batch = 1
    else:
        recipe.patch, recipe.stride = patch, 8
    return recipe


def weights(out: Path, network: str) -> dict[str, torch.Tensor]:
    return load_file(out / f"{network}.safetensors")


def steps_on_one_batch(recipe: Recipe, number: int, **facts: float) -> list[dict[str, float]]:
    """What steps report that all see the same patches."""
    torch.manual_seed(0)
    networks = recipe.build()
    for parameter in networks.parameters():  # initial weights of 1e-3 would need long to show anything
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    optimizers = recipe.optimizers(networks)
    images = torch.rand(2, recipe.batch, 1, recipe.patch, recipe.patch).unbind()

    def descend(name: str, loss: torch.Tensor) -> float:
        return _descend(networks[name], optimizers[name], loss, world=1)

    step = TrainingStep(networks, descend, nullcontext, torch.Generator(), **facts)
    return [recipe.step(step, *images) for _ in range(number)]


@pytest.mark.parametrize("network", sorted({*recipe_names()} - {"fusiongan", "ddcgan"}))
def test_steps_on_one_batch_lower_its_loss(network: str) -> None:
    recipe = small(network)
    recipe.learning_rate = 1e-3
    losses = [found["loss"] for found in steps_on_one_batch(recipe, 10)]
    assert losses[-1] < 0.9 * losses[0]


def test_fusion_stage_of_rfn_nest_leaves_the_auto_encoder_alone() -> None:
    torch.manual_seed(0)
    recipe = small("rfn_nest")
    networks = recipe.build()
    before = {name: value.clone() for name, value in networks["generator"].state_dict().items()}
    optimizers = recipe.optimizers(networks)
    step = TrainingStep(
        networks,
        lambda name, loss: _descend(networks[name], optimizers[name], loss, world=1),
        nullcontext,
        torch.Generator(),
        share=RFNNestRecipe.first_stage,
    )
    losses = [recipe.step(step, *torch.full((2, 2, 1, 16, 16), 0.5).unbind())["fuse"] for _ in range(3)]
    assert losses[-1] < losses[0]
    after = networks["generator"].state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(name.startswith("fusion_block") for name in changed)


def test_fusiongan_makes_two_steps_of_the_discriminator_for_one_of_the_generator() -> None:
    recipe = FusionGANRecipe()
    assert recorded_steps(recipe, recipe.build()) == ["discriminator", "discriminator", "generator"]


@pytest.mark.parametrize(
    ("score", "judging", "generating"),
    [(0.0, 1, 4), (3.0, 4, 4)],
    ids=["undecided", "fooled"],
)
def test_ddcgan_repeats_while_losses_are_out_of_balance(score: float, judging: int, generating: int) -> None:
    """Discriminators that say 1/2 lose 2 ln 2 = 1.39: no repeat for them (1.7), three for the generator (1.4).

    Those that say 0.9975 of everything lose 6.0: three repeats for them; for the generator, whose whole loss is above
    200, three as well. Nothing is moved here, so nothing ends the repeats early.
    """
    recipe = DDcGANRecipe()
    networks = recipe.build()
    for name in ("visible", "infrared"):
        layer = networks[name].linear["flatten1"]
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.constant_(layer.bias, score)
    assert recorded_steps(recipe, networks, 0) == ["visible"] * judging + ["infrared"] * judging
    assert recorded_steps(recipe, networks, 1) == ["generator"] * generating


def recorded_steps(recipe: Recipe, networks: torch.nn.ModuleDict, number: int = 0) -> list[str]:
    """Which networks a step would move, in order."""
    moved = []

    def descend(name: str, loss: torch.Tensor) -> float:
        moved.append(name)
        return loss.item()

    step = TrainingStep(networks, descend, nullcontext, torch.Generator(), number)
    losses = recipe.step(step, *torch.rand(2, 2, 1, recipe.patch, recipe.patch).unbind())
    assert all(np.isfinite(value) for value in losses.values())
    return moved


def test_fusiongan_ships_the_weights_it_trained_with() -> None:
    """Largest singular value 1, which the power iteration comes near to, and the result of training's last layer."""
    torch.manual_seed(0)
    recipe = FusionGANRecipe()
    networks = recipe.build()
    with torch.no_grad():
        for _ in range(20):
            networks["generator"](*torch.rand(2, 1, 1, 20, 20).unbind())
    shipped = recipe.exported(networks)
    for index in range(1, 6):
        norm = torch.linalg.matrix_norm(shipped[f"conv.layer{index}.weight"].flatten(1), 2)
        assert norm == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("published", "number", "decay"), [(True, 0, 0.999), (False, 0, 0.1), (False, 90, 0.91), (False, 10**6, 0.999)]
)
def test_running_averages_follow_faster_at_first(published: bool, number: int, decay: float) -> None:
    recipe = recipe_for("swinfusion", BySources(published))
    assert recipe.average is not None
    assert recipe.averaging(recipe.average, number) == pytest.approx(decay)


def test_a_running_average_has_the_latest_buffers() -> None:
    average, network = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    with torch.no_grad():
        network.weight.fill_(3)
    network.running_var.fill_(7)
    _follow(average, network, decay=0.75)
    assert average.weight.tolist() == pytest.approx([1.5] * 3) and average.running_var.tolist() == [7] * 3


@pytest.mark.parametrize(
    ("network", "given", "kept"), [("swinfusion", None, 0.999), ("swinfusion", 0, 0), ("sdnet", 0.9, 0.9)]
)
def test_the_running_average_is_shipped(
    network: str, given: float | None, kept: float, pairs: PairDataset, tmp_path: Path
) -> None:
    """After the first step, from the same start: a tenth of the way if it is averaged."""
    recipe = small(network, batch=2)
    torch.manual_seed(0)
    start = recipe.build()["generator"].state_dict()
    manifest = train(recipe, pairs, TrainingSettings(tmp_path / "out", average=given), "1")
    assert manifest.recipe.get("average") == given
    end = torch.load(tmp_path / "out" / "checkpoint.pt")["networks"]
    for name, shipped in weights(tmp_path / "out", network).items():
        moved = end[f"generator.{name}"]
        expected = start[name] + 0.9 * (moved - start[name]) if kept and moved.is_floating_point() else moved
        torch.testing.assert_close(shipped, expected)


def test_averages_that_never_move_are_refused(pairs: PairDataset, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match=r"average 1\.0: expected a decay of 0 or more, below 1"):
        train(small("sdnet"), pairs, TrainingSettings(tmp_path / "out", average=1.0), "1")


def test_one_cycle_warms_up_and_goes_down_to_a_hundredth(pairs: PairDataset, tmp_path: Path) -> None:
    assert [one_cycle(share) for share in (0.01, 0.05, 0.1, 0.55, 1, 2)] == pytest.approx(
        [0.1, 0.5, 1, 0.505, 0.01, 0.01]
    )
    settings = TrainingSettings(tmp_path / "out", schedule=4, rate="one-cycle")
    manifest = train(small("sdnet"), pairs, settings, "4")
    assert manifest.recipe["rate"] == "one-cycle"
    (group,) = torch.load(tmp_path / "out" / "checkpoint.pt")["optimizers"]["generator"]["param_groups"]
    assert group["lr"] == pytest.approx(0.01 * 1e-4)
    with pytest.raises(FusionError, match=r"another training \(rate 'one-cycle', now None\)"):
        train(small("sdnet"), pairs, replace(settings, rate="recipe"), "4")


def test_learning_rates() -> None:
    didfuse, mgt = recipe_for("didfuse"), recipe_for("mgt")
    assert [didfuse.rate(epoch / 120, 0) for epoch in (0, 39, 40, 79, 80, 120)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    assert [mgt.rate(epoch / 100, 0) for epoch in (0, 50, 52, 80, 82)] == [1, 1, 0.1, 0.1, 0.01]
    assert recipe_for("ddcgan").rate(0.5, updates=2) == pytest.approx(0.9**0.5)
    assert recipe_for("ddcgan", BySources(published=True)).rate(0.5, updates=2) == pytest.approx(0.81)


@pytest.mark.parametrize("network", ["sdnet", "pmgi", "didfuse", "swinfusion", "rfn_nest"])
def test_interrupted_training_ends_with_the_same_bits(network: str, pairs: PairDataset, tmp_path: Path) -> None:
    few: dict[str, Any] = {"validate_every": 2, "validation_patches": 2, "schedule": 5}
    if network == "didfuse":
        few |= {"rate": "one-cycle", "average": 0.9}
    whole, parts = TrainingSettings(tmp_path / "whole", **few), TrainingSettings(tmp_path / "parts", **few)
    train(small(network, batch=2), pairs, whole, "5")
    for budget in ("2", "3", "5"):
        train(small(network, batch=2), pairs, parts, budget)
    found, expected = weights(parts.out, network), weights(whole.out, network)
    assert all(torch.equal(found[name], expected[name]) for name in expected)

    def losses(out: Path) -> list[str]:
        return [row["loss"] for row in csv.DictReader((out / "log.csv").open())]

    assert losses(parts.out) == losses(whole.out) and len(losses(whole.out)) == 5


@pytest.mark.parametrize("network", ["fusiongan", "ddcgan"])
def test_interrupted_adversarial_training_ends_with_the_same_bits(network: str, tmp_path: Path) -> None:
    pairs = smooth_pairs(tmp_path, 140, 136)
    whole, parts = (TrainingSettings(tmp_path / name, validation_patches=1) for name in ("whole", "parts"))
    train(small(network), pairs, whole, "2")
    for budget in ("1", "2"):
        train(small(network), pairs, parts, budget)
    found, expected = weights(parts.out, network), weights(whole.out, network)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_bfloat16_forward_passes(pairs: PairDataset, tmp_path: Path) -> None:
    for network in ("swinfusion", "mgt", "rfn_nest", "didfuse"):
        settings = TrainingSettings(tmp_path / network, bfloat16=True, half=True)
        manifest = train(small(network, batch=2), pairs, settings, "1")
        assert np.isfinite(manifest.recipe["last_losses"]["loss"])
        assert all(facts.dtype in ("F16", "float16", "I64", "int64") for facts in manifest.tensors.values())


def test_weights_come_with_a_record_and_fit_the_method(pairs: PairDataset, tmp_path: Path) -> None:
    manifest = train(small("sdnet"), pairs, TrainingSettings(tmp_path / "out"), "2")
    path = tmp_path / "out" / "sdnet.safetensors"
    assert problems(path) == []
    record = manifest.recipe or {}
    assert record["steps"] == 2 and record["supervision"] == "original" and record["last_losses"]["loss"] > 0
    # 8-pixel grid of 16-pixel patches in 56x40: 6 x 4 a pair, 15 epochs, the authors' batches of 32 patches of 120
    seen, _ = training_split(pairs)
    steps = 15 * max(1, len(seen) * 24 // 32)
    assert record["published_schedule"] == {"steps": steps, "patch": 120, "batch": 32}
    assert record["share_of_published_steps"] == pytest.approx(2 / steps)
    assert record["share_of_published_pixels"] == pytest.approx(2 / steps * (4 * 16**2) / (32 * 120**2))
    from ivif import fusion

    fused = fusion.load("sdnet", weights=path).fuse(torch.rand(1, 1, 20, 30), torch.rand(1, 3, 20, 30))
    assert fused.shape == (1, 3, 20, 30)


def test_a_checkpoint_of_another_training_is_refused(pairs: PairDataset, tmp_path: Path) -> None:
    train(small("sdnet"), pairs, TrainingSettings(tmp_path / "out"), "1")
    with pytest.raises(FusionError, match=r"another training \(seed 0, now 1\)"):
        train(small("sdnet"), pairs, TrainingSettings(tmp_path / "out", seed=1), "2")


def test_rfn_nest_says_what_it_has_not_learned_and_skips_what_it_was_given(pairs: PairDataset, tmp_path: Path) -> None:
    manifest = train(small("rfn_nest"), pairs, TrainingSettings(tmp_path / "first", schedule=8), "1")
    assert "fusion networks" in (manifest.recipe or {})["not_trained"]
    start = tmp_path / "first" / "rfn_nest.safetensors"
    manifest = train(small("rfn_nest"), pairs, TrainingSettings(tmp_path / "second", schedule=8, initial=start), "1")
    assert "not_trained" not in (manifest.recipe or {}) and "fuse" in (manifest.recipe or {})["last_losses"]


def test_what_evaluation_leaves_out_is_not_trained_with(tmp_path: Path) -> None:
    """Scale and shift of published weights, which the authors' test code does not use either."""
    network = PMGI()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("bn."):
                parameter.fill_(0.7)
    save_file(network.state_dict(), tmp_path / "theirs.safetensors")
    recipe = recipe_for("pmgi")
    networks = recipe.build()
    recipe.initialise(networks, tmp_path / "theirs.safetensors")
    scales = {name: value for name, value in networks["generator"].named_parameters() if name.startswith("bn.")}
    assert scales and all(float(value.mean()) == (1 if "weight" in name else 0) for name, value in scales.items())


def test_a_training_that_diverges_stops(pairs: PairDataset, tmp_path: Path) -> None:
    recipe = small("sdnet")
    recipe.learning_rate = 1e30
    with pytest.raises(FusionError, match="diverged"):
        train(recipe, pairs, TrainingSettings(tmp_path / "out"), "20")


def test_time_budgets_stop_in_time(pairs: PairDataset, tmp_path: Path) -> None:
    manifest = train(small("sdnet"), pairs, TrainingSettings(tmp_path / "out"), "0.2s")
    record = manifest.recipe or {}
    assert 0 < record["steps"] < record["published_schedule"]["steps"] and record["seconds"] < 5
    assert record["last_losses"]["validation"] > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, TrainingBudget(70)),
        ("500", TrainingBudget(500)),
        ("90s", TrainingBudget(70, 90)),
        ("40m", TrainingBudget(70, 2400)),
        ("1.5h", TrainingBudget(70, 5400)),
    ],
)
def test_budgets(text: str | None, expected: TrainingBudget) -> None:
    assert TrainingBudget.parse(text, 70) == expected


@pytest.mark.parametrize("text", ["", "soon", "4.5", "-3", "10d"])
def test_nonsense_budgets_are_refused(text: str) -> None:
    with pytest.raises(FusionError, match="number of steps, or a time"):
        TrainingBudget.parse(text, 70)


def test_patches_are_cut_from_both_images_alike(pairs: PairDataset) -> None:
    same = PairDataset("same", tuple(type(pair)(pair.name, pair.infrared, pair.infrared) for pair in pairs))
    infrared, visible = Patches(same, 16, seed=3, augment=True).batch(7, 6)
    assert torch.equal(infrared, visible) and infrared.shape == (6, 1, 16, 16)
    again, _ = Patches(same, 16, seed=3, augment=True).batch(7, 6)
    other, _ = Patches(same, 16, seed=3, augment=True).batch(8, 6)
    assert torch.equal(infrared, again) and not torch.equal(infrared, other)


def test_processes_share_a_batch(pairs: PairDataset) -> None:
    patches = Patches(pairs, 16, seed=3)
    whole, _ = patches.batch(7, 6)
    parts = [patches.batch(7, 6, rank, 3)[0] for rank in range(3)]
    assert torch.equal(torch.cat(parts), whole)


def test_patches_in_the_authors_order(pairs: PairDataset) -> None:
    first = to_float(pairs[0].read().infrared)
    grid = Patches(pairs, 16, seed=0, crop="grid", stride=20)  # 56x40: 3 windows across, 2 down
    assert len(grid.windows(20)) == 12 * 6
    windows, _ = grid.batch(0, 6)
    assert torch.equal(windows[4, 0], first[0, 20:36, 20:36])
    assert torch.equal(grid.batch(12, 6)[0], windows)  # around after 72
    centre, _ = Patches(pairs, 16, seed=0, crop="centre").batch(0, 1)
    assert torch.equal(centre[0, 0], first[0, 12:28, 20:36])
    resized, _ = Patches(pairs, 8, seed=0, crop="resized").batch(0, 1)
    assert torch.equal(resized[0, 0], first[0, ::5, ::7])


def test_pairs_that_are_too_small_are_refused(pairs: PairDataset) -> None:
    with pytest.raises(FusionError, match="no pair of at least 64x64"):
        Patches(pairs, 64, seed=0)


def test_the_split_is_by_name_alone(pairs: PairDataset) -> None:
    train_part, held_out = training_split(pairs)
    names = {pair.name for pair in train_part}
    assert names.isdisjoint(pair.name for pair in held_out) and len(train_part) + len(held_out) == 12
    assert len(train_part) > len(held_out) > 0
    fewer, _ = training_split(pairs[3:9])
    assert {pair.name for pair in fewer} == names & {pair.name for pair in pairs[3:9]}


def place(name: str) -> float:
    """Where a name's hash lies in 0..1, by its first 32 bits."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32


@pytest.mark.parametrize(("count", "held"), [(2, 1), (7, 1), (9, 1), (12, 2)])
@pytest.mark.parametrize("side", ["above", "below"])
def test_of_few_pairs_some_are_held_out_too(pairs: PairDataset, count: int, held: int, side: str) -> None:
    """Names whose hashes are all above a seventh, or all below it: the smallest ones of them are held out."""
    names = [name for name in map(str, range(1000)) if (place(name) < 1 / 7) == (side == "below")][:count]
    few = PairDataset("few", tuple(replace(pairs[0], name=name) for name in names))
    train_part, held_out = training_split(few)
    assert {pair.name for pair in held_out} == set(sorted(names, key=place)[:held])
    assert [pair.name for pair in train_part] == [name for name in names if name not in sorted(names, key=place)[:held]]
    again, _ = training_split(PairDataset("again", tuple(reversed(few.pairs))))
    assert {pair.name for pair in again} == {pair.name for pair in train_part}


def test_one_pair_is_too_few_to_train_on(pairs: PairDataset, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match=r"1 pair in .*: one is held out to validate on .* takes 2 or more"):
        train(small("sdnet"), pairs[:1], TrainingSettings(tmp_path / "out"), "1")


SCRIPT = """
import sys
from pathlib import Path
from ivif.datasets.pairs import pair_folders
from ivif.fusion.training.recipes import recipe_for
from ivif.fusion.training.trainer import TrainingSettings, train
root, out = Path(sys.argv[1]), Path(sys.argv[2])
recipe = recipe_for("sdnet")
recipe.patch, recipe.batch, recipe.stride = 16, 4, 8
train(recipe, pair_folders(root / "infrared", root / "visible"), TrainingSettings(out), "3")
"""


def test_two_processes_train_as_one_does(pairs: PairDataset, tmp_path: Path) -> None:
    """The loss is a mean over patches, so the mean of both halves' gradients is the gradient of the whole batch."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    done = subprocess.run(
        [*command, str(tmp_path), str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    train(small("sdnet"), pairs, TrainingSettings(tmp_path / "one"), "3")
    two, one = weights(tmp_path / "two", "sdnet"), weights(tmp_path / "one", "sdnet")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-6)

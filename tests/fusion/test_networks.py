"""Networks as methods: size of the architecture, shapes, range, determinism, tiles; and the blocks they share."""

import copy

import pytest
import torch
from torch import nn

from ivif import fusion
from ivif.datasets.files import sha256_file
from ivif.fusion import FusionError
from ivif.fusion.loading import load, network_class, network_names
from ivif.fusion.networks import blocks, rfn_nest, winograd
from ivif.fusion.networks.blocks import BatchStatisticsNorm, fold_batch_norm, init_truncated_normal, stretch_to_unit
from ivif.fusion.networks.ddcgan import DDcGANDiscriminator
from ivif.fusion.networks.didfuse import DIDFuse
from ivif.fusion.networks.fusiongan import FusionGANDiscriminator, FusionGANGenerator, SpectralConv2d, spectral_norm
from ivif.fusion.networks.gifnet import GIFNet
from ivif.fusion.networks.mgt import MGT
from ivif.fusion.networks.sdnet import SDNet
from ivif.fusion.networks.u2fusion import U2Fusion

PARAMETERS = {
    "didfuse": 260_935,
    "pmgi": 42_017,
    "sdnet": 67_091,
    "fusiongan": 925_633,
    "ddcgan": 1_097_665,
    "rfn_nest": 7_524_249,
    "swinfusion": 973_681,
    "mgt": 1_467_211,
    "densefuse": 74_193,
    "ifcnn_max": 83_587,
    "ifcnn_sum": 83_587,
    "ifcnn_mean": 83_587,
    "u2fusion": 659_217,
    "seafusion": 166_883,
    "tardal": 296_577,
    "tardal_plus": 296_577,
    "tardal_plusplus": 296_577,
    "ydtr": 217_770,
    "datfuse": 10_760,
    "lrrnet": 49_204,
    "mmdrfuse": 113,
    "sage": 135_617,
    "gifnet": 822_780,
    "lutfuse": 7_825 + 16**4,
}
"""Trainable parameters, counted in the authors' own codes."""

NEVER_READ = {
    # batch normalisations of 64, 32, 16 maps and 1
    "seafusion": 2 * (64 + 32 + 16 + 1),
    # two convolutions with normalisation, a normalisation of 96, 8 positions in each of two blocks
    "ydtr": (128 * 64 * 9 + 3 * 64) + (64 * 64 * 9 + 3 * 64) + 2 * 96 + 2 * 8,
    "datfuse": 2 * 96 + 2 * 8,
    # a decoder of 98, 64, 32, 16 maps, three weights of tasks, and in the last block the helping task's normalisation
    # (six vectors of 98), its convolutions of 1x1 and 5x5, and its perceptron
    "gifnet": (98 * 64 * 9 + 64 + 64 * 32 * 9 + 32 + 32 * 16 * 9 + 16 + 16 * 9 + 1)
    + 3
    + (6 * 98 + 4 * 98 * 98 + 2 * 98 + 98 + 98 + 98 * 25 + 98 + 2 * 98 * 196 + 196 + 98),
}
"""Of these, what authors' classes hold that has no effect on results."""

NAMES = network_names()


def images(height, width, channels=1, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(batch, count, height, width, generator=generator) for count in (1, channels)]


def trainable(module):
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_as_many_as_the_authors_have(name):
    assert trainable(network_class(name).module()) + NEVER_READ.get(name, 0) == PARAMETERS[name]


def test_parameters_of_parts():
    squeeze = SDNet().conv
    assert sum(trainable(layer) for name, layer in squeeze.items() if int(name[5]) <= 5) == 28_705
    assert trainable(FusionGANDiscriminator()) == 397_953
    assert trainable(DDcGANDiscriminator()) == 31_233


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_declared(name):
    cls = network_class(name)
    assert cls.family == "network" and cls.title and cls.paper and cls.name == name


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(48, 40), (37, 51)])
@pytest.mark.parametrize("name", NAMES)
def test_fused_image_has_the_sources_size_and_range(random_method, name, size, channels):
    infrared, visible = images(*size, channels)
    fused = random_method(name).fuse(infrared, visible)
    assert fused.shape == visible.shape
    assert 0 <= fused.min() < fused.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_result_depends_on_both_sources(random_method, name):
    method, (infrared, visible) = random_method(name), images(32, 32)
    fused = method.fuse(infrared, visible)
    for other in (method.fuse(1 - infrared, visible), method.fuse(infrared, 1 - visible)):
        assert (other - fused).abs().max() > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_same_input_gives_the_same_bits(random_method, name):
    infrared, visible = images(32, 40)
    torch.testing.assert_close(
        random_method(name).fuse(infrared, visible), random_method(name).fuse(infrared, visible), rtol=0, atol=0
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_image_does_not_see_its_neighbours_in_the_batch(random_method, name):
    # In float64, for attention with random weights is a choice of one key, which rounding errors of sums can turn.
    channels = 3 if network_class(name).input == "rgb" else 1
    infrared, visible = (image.double() for image in images(32, 48, channels, batch=2))
    method = copy.deepcopy(random_method(name))
    method.network.double()
    with torch.inference_mode():
        together = method.fuse_planes(infrared, visible)
        apart = [method.fuse_planes(infrared[[index]], visible[[index]]) for index in (0, 1)]
    difference = (together - torch.cat(apart)).abs()
    # Where a method rounds to grey levels, an error in the last bit may show as one level here and there.
    assert difference.max() <= 1.01 / 255 and difference.mean() < 1e-4


@pytest.mark.parametrize("name", [name for name in NAMES if network_class(name).tile is not None])
def test_tiles_give_the_same_as_the_whole_image(random_weights, name):
    cls = network_class(name)
    small = cls.multiple * -(-(2 * cls.margin + 24) // cls.multiple)
    infrared, visible = images(2 * small, 2 * small + 5)
    whole, tiled = (type(cls.__name__, (cls,), {"tile": tile})(random_weights(name)) for tile in (None, small))
    torch.testing.assert_close(tiled.fuse(infrared, visible), whole.fuse(infrared, visible), rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_identity_is_that_of_the_weights_file(random_weights, name):
    first, second = (network_class(name)(random_weights(name, seed)) for seed in (0, 1))
    assert first.state() == sha256_file(random_weights(name, 0))
    assert first.fingerprint() != second.fingerprint()


@pytest.mark.parametrize("name", NAMES)
def test_networks_are_ready_for_inference_and_record_no_gradients(random_method, name):
    method = random_method(name)
    assert not method.network.training
    assert not method.fuse(*images(32, 32)).requires_grad


@pytest.mark.parametrize("name", ["didfuse", "ddcgan", "densefuse", "u2fusion", "lrrnet", "mmdrfuse"])
def test_a_line_of_pixels_is_refused_where_reflection_is_needed(random_method, name):
    with pytest.raises(FusionError, match=rf"{name} needs sides of at least 2 pixels, found 9x1"):
        random_method(name).fuse(*images(1, 9))


@pytest.mark.parametrize("name", ["pmgi", "sdnet", "fusiongan", "seafusion", "ifcnn_max", "ydtr", "datfuse", "lutfuse"])
def test_a_line_of_pixels_is_fused_where_it_can_be(random_method, name):
    assert random_method(name).fuse(*images(1, 9)).shape == (1, 1, 1, 9)


@pytest.mark.parametrize("name", ["pmgi", "sdnet", "fusiongan", "ddcgan", "mmdrfuse", "seafusion"])
def test_saving_of_old_scipy_stretches_each_image_to_the_full_range(random_method, name):
    fused = random_method(name).fuse(*images(32, 40, batch=2))
    assert fused.amin((1, 2, 3)).tolist() == [0, 0] and fused.amax((1, 2, 3)).tolist() == [1, 1]


# Names and weights


@pytest.fixture
def shipped(monkeypatch, tmp_path, random_weights):
    """An empty folder of shipped weights, and one of published ones with sdnet in it."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr("ivif.fusion.weights.SHIPPED_FOLDER", folder)
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "sdnet.safetensors").write_bytes(random_weights("sdnet").read_bytes())
    return folder


def test_networks_are_listed_in_the_order_of_tables():
    assert [name for name in PARAMETERS if name in NAMES] == NAMES


def test_a_network_is_offered_only_with_weights_for_its_plain_name(shipped, random_weights):
    assert not set(fusion.names()) & set(NAMES)
    (shipped / "sdnet.safetensors").write_bytes(random_weights("sdnet").read_bytes())
    assert set(fusion.names()) & set(NAMES) == {"sdnet"}
    method = load("sdnet")
    assert (method.name, method.title) == ("sdnet", "SDNet")


def test_weights_are_chosen_by_the_name(shipped, random_weights):
    (shipped / "sdnet+rts.safetensors").write_bytes(random_weights("sdnet", 1).read_bytes())
    retrained, published = load("sdnet+rts"), load("sdnet+published")
    assert (retrained.name, retrained.title) == ("sdnet+rts", "SDNet (RtS)")
    assert (published.name, published.title) == ("sdnet+published", "SDNet (published)")
    assert retrained.state() == sha256_file(random_weights("sdnet", 1))
    assert published.state() == sha256_file(random_weights("sdnet"))
    assert load("sdnet", weights="rts").name == "sdnet+rts"
    assert type(published).name == "sdnet"


def test_weights_from_a_file(random_weights):
    method = load("sdnet", weights=random_weights("sdnet", 1))
    assert method.name == "sdnet+sdnet-1" and method.state() == sha256_file(random_weights("sdnet", 1))


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (
            "sdnet",
            "no original weights of sdnet .*fetch sdnet brings .*; "
            "python -m fusion train sdnet makes some, and sdnet=FILE",
        ),
        ("sdnet+rts", r"no rts weights of sdnet .*: python -m fusion train sdnet --supervision rts"),
        ("pmgi+published", "no published weights of pmgi .*: python -m fusion weights fetch pmgi"),
        ("seafusion", "no original weights of seafusion .*weights fetch seafusion brings its authors', and seafusion"),
        ("didfuse+rts+published", r"no rts\+published weights of didfuse .*: .* weights fetch didfuse\+rts"),
    ],
)
def test_missing_weights_say_how_to_get_them(shipped, name, command):
    with pytest.raises(FusionError, match=command):
        load(name)


@pytest.mark.parametrize("name", ["sdnet+", "sdnet+other", "sdnet+original", "sdnet+rts+rts"])
def test_unknown_weights_are_refused(name):
    with pytest.raises(FusionError, match=r"named once, by a file or as in sdnet\+rts, sdnet\+published"):
        load(name)


def test_weights_are_named_once():
    with pytest.raises(FusionError, match="named once"):
        load("sdnet+rts", weights="published")


@pytest.mark.parametrize(("name", "weights"), [("average+rts", None), ("average", "rts")])
def test_methods_without_weights_get_none(name, weights):
    with pytest.raises(FusionError, match="average is no network and has no weights"):
        load(name, weights)


def test_unknown_network():
    with pytest.raises(FusionError, match=r"no network 'average'; there are didfuse, pmgi, "):
        network_class("average")


# Architecture


def test_didfuse_adds_features_of_both_images():
    network = DIDFuse().eval()
    infrared, visible = images(12, 12)
    mixed = [left + right for left, right in zip(network.encode(infrared), network.encode(visible), strict=True)]
    torch.testing.assert_close(network(infrared, visible), network.decode(type(network.encode(visible))(*mixed)))


def test_fusiongan_loses_six_pixels_on_each_side():
    network = FusionGANGenerator().eval()
    assert network(*images(30, 40)).shape == (1, 1, 30 - 2 * network.border, 40 - 2 * network.border)


def test_sdnet_decomposes_into_two_images():
    infrared, visible = SDNet().decompose(torch.rand(2, 1, 9, 11))
    assert infrared.shape == visible.shape == (2, 1, 9, 11)


def test_discriminators_give_one_number_a_patch():
    assert FusionGANDiscriminator()(torch.rand(2, 1, 120, 120)).shape == (2, 1)
    score = DDcGANDiscriminator()(torch.rand(2, 1, 84, 84))
    assert score.shape == (2, 1) and score.min() >= 0 and score.max() <= 1


# Blocks


def test_stretch_by_hand():
    image = torch.tensor([[-1.0, 1.0], [0.0, 3.0]])[None, None]
    expected = torch.tensor([[0.0, 0.5], [0.25, 1.0]])[None, None]
    torch.testing.assert_close(stretch_to_unit(torch.cat((image, 10 * image))), torch.cat((expected, expected)))


def test_stretch_of_a_constant_image_is_black():
    assert stretch_to_unit(torch.full((1, 1, 3, 3), 7.0)).eq(0).all()


def test_batch_statistics_norm_trains_like_batch_normalisation():
    ours, theirs = BatchStatisticsNorm(3, eps=1e-5), nn.BatchNorm2d(3, eps=1e-5)
    for norm in (ours, theirs):
        nn.init.constant_(norm.weight, 1.5)
        nn.init.constant_(norm.bias, -0.5)
    maps = torch.rand(4, 3, 5, 6)
    torch.testing.assert_close(ours(maps), theirs(maps))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("affine", [True, False])
def test_batch_statistics_norm_evaluates_each_image_alone(affine):
    norm = BatchStatisticsNorm(3, eps=1e-5, affine_in_eval=affine).eval()
    nn.init.constant_(norm.weight, 1.5)
    nn.init.constant_(norm.bias, -0.5)
    reference = nn.InstanceNorm2d(3, eps=1e-5, affine=True)
    nn.init.constant_(reference.weight, 1.5 if affine else 1)
    nn.init.constant_(reference.bias, -0.5 if affine else 0)
    maps = torch.rand(4, 3, 5, 6) * 10
    torch.testing.assert_close(norm(maps), reference(maps))


def test_initial_weights_are_a_truncated_normal():
    layer = init_truncated_normal_on(nn.Conv2d(16, 64, 5))
    assert layer.weight.abs().max() <= 2e-3
    # A normal distribution cut at two standard deviations has 0.8796 of the standard deviation.
    assert layer.weight.std().item() == pytest.approx(0.8796e-3, rel=0.02)
    assert layer.bias.eq(0).all()


def init_truncated_normal_on(layer):
    init_truncated_normal(layer, 1e-3)
    return layer


def test_batch_normalisation_is_folded_into_convolutions():
    plain = DIDFuse()
    for layer in plain.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    folded = copy.deepcopy(plain.eval())
    fold_batch_norm(folded)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    with torch.no_grad():
        torch.testing.assert_close(folded(*images(20, 30)), plain(*images(20, 30)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_makes_networks_fast_leaves_their_results_alone(name, monkeypatch):
    monkeypatch.setattr(rfn_nest, "_whole_levels", lambda fused: fused)  # beside a step the last digit decides
    monkeypatch.setattr(winograd, "_FEWEST_PIXELS", 0)  # images are small here
    fast = network_class(name).untrained()
    plain = network_class(name).untrained(plain=True)
    torch.manual_seed(0)
    state = {
        key: torch.randn_like(value) / 10 if value.is_floating_point() else value
        for key, value in plain.network.state_dict().items()
        if "running" not in key
    }
    plain.network.load_state_dict(state, strict=False)
    fast.network = network_class(name).module()
    fast.network.load_state_dict(plain.network.state_dict())
    fast._settle()
    sources = images(64, 48)
    with winograd.direct_sums():
        expected = plain.fuse(*sources)
    torch.testing.assert_close(fast.fuse(*sources), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dense_maps_of_u2fusion_in_one_piece_of_memory(layout, monkeypatch):
    monkeypatch.setattr(blocks, "ROWS_AT_ONCE", 16)
    monkeypatch.setattr(winograd, "_FEWEST_PIXELS", 0)
    network = U2Fusion().eval().to(memory_format=layout)
    sources = images(70, 48)
    with torch.inference_mode():
        found = network(*sources)
        network.rows_at_once = blocks.EVERYTHING
        torch.testing.assert_close(found, network(*sources), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 48), (77, 42), (69, 50)])
def test_gifnet_in_bands_is_that_of_the_whole(size):
    network = GIFNet().eval()
    sources = images(*size, batch=2)
    with torch.inference_mode():
        found = network(*sources)
        blocks.handle_whole_images(network)
        torch.testing.assert_close(found, network(*sources), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("border", "overwrite"), [(0, False), (1, False), (1, True)])
@pytest.mark.parametrize("height", [5, 16, 17, 33])
def test_convolution_in_bands_is_that_of_the_whole(height, border, overwrite, monkeypatch):
    monkeypatch.setattr(blocks, "ROWS_AT_ONCE", 4)
    layer = nn.Conv2d(6, 6, 3, padding=border, padding_mode="reflect")
    maps = torch.randn(2, 6, height, 7)
    with torch.no_grad():
        expected = layer(maps)
        into = maps if overwrite else None
        found = blocks.convolve_in_bands(maps, layer.weight, layer.bias, border, into)
    assert (found is maps) == overwrite
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_convolution_in_bands_without_borders_and_with_a_large_kernel(monkeypatch):
    monkeypatch.setattr(blocks, "ROWS_AT_ONCE", 4)
    layer, maps = nn.Conv2d(2, 3, 5), torch.randn(1, 2, 19, 9)
    with torch.no_grad():
        found = blocks.convolve_in_bands(maps, layer.weight, layer.bias)
        torch.testing.assert_close(found, layer(maps), rtol=0, atol=1e-5)


def test_mgt_gives_the_same_when_it_computes_again_what_it_could_keep():
    network = MGT().eval()
    with torch.inference_mode():
        kept = network(*images(32, 48))
        network.kept_pixels = 0
        assert torch.equal(network(*images(32, 48)), kept)


def test_power_iteration_finds_the_largest_singular_value():
    weight, u = torch.randn(6, 4, 3, 3, dtype=torch.float64), torch.randn(1, 6, dtype=torch.float64)
    for _ in range(500):
        normal, u = spectral_norm(weight, u)
    assert torch.linalg.matrix_norm(normal.flatten(1), 2).item() == pytest.approx(1)


def test_one_power_iteration_by_hand():
    # W = [[3, 0], [0, 1]] (outputs x inputs), u = [1, 1]: v = [3, 1] / sqrt 10, u' = [9, 1] / sqrt 82, sigma = v W u'.
    normal, u = spectral_norm(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.ones(1, 2))
    torch.testing.assert_close(u, torch.tensor([[9.0, 1.0]]) / 82**0.5)
    torch.testing.assert_close(normal, torch.tensor([[3.0, 0.0], [0.0, 1.0]]) / (82 / 820**0.5))


def test_gradient_flows_through_the_power_iteration():
    u = torch.randn(1, 3, dtype=torch.float64)
    weight = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda weight: spectral_norm(weight, u), weight)


def test_spectral_state_advances_only_when_asked_in_training():
    layer, maps = SpectralConv2d(2, 3, 3), torch.rand(1, 2, 5, 5)
    before = layer.u.clone()
    layer(maps, update=False)
    assert torch.equal(layer.u, before)
    layer(maps)
    assert not torch.equal(layer.u, before)
    after = layer.u.clone()
    layer.eval()
    torch.testing.assert_close(layer(maps), torch.nn.functional.conv2d(maps, layer.weight, layer.bias))
    assert torch.equal(layer.u, after)


def test_a_spectral_layer_can_be_used_twice_before_the_backward_pass():
    network = FusionGANDiscriminator()
    real, fake = torch.rand(2, 2, 1, 120, 120)
    (network(real).mean() + network(fake, update=False).mean()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())

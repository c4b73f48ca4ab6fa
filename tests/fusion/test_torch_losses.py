"""Losses of DIDFuse, RFN-Nest, SwinFusion, MGT and DATFuse, against SciPy, scikit-image and sums done by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate, sobel
from scipy.signal.windows import gaussian
from skimage.metrics import structural_similarity

from ivif.fusion.training.losses import sobel_magnitude, ssim_map
from ivif.fusion.training.recipe import BySources, Examples
from ivif.fusion.training.recipes import recipe_for
from ivif.fusion.training.recipes.datfuse import border_gradient_error, datfuse_loss
from ivif.fusion.training.recipes.didfuse import didfuse_loss, dissimilarity, sobel_derivatives
from ivif.fusion.training.recipes.rfn_nest import ms_ssim, rfn_nest_autoencoder_loss, rfn_nest_fusion_loss


@pytest.fixture
def images():
    """Three smooth images of 30x26 in 0..1, float64."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 1, 5, 5, generator=generator, dtype=torch.float64)
    return torch.nn.functional.interpolate(coarse, size=(30, 26), mode="bilinear").split(1)


def plane(image):
    return image[0, 0].numpy()


def constant(value, side=32, batch=1):
    return torch.full((batch, 1, side, side), value, dtype=torch.float64)


def test_sobel(images):
    image = plane(images[0])
    found = sobel_derivatives(images[0])[0].numpy()
    np.testing.assert_allclose(found[0], sobel(image, 1, mode="nearest") / 8, atol=1e-12)
    np.testing.assert_allclose(found[1], sobel(image, 0, mode="nearest") / 8, atol=1e-12)
    magnitude = sum(np.abs(sobel(image, axis, mode="constant")) for axis in (0, 1))
    np.testing.assert_allclose(plane(sobel_magnitude(images[0])), magnitude, atol=1e-12)


def scipy_ssim(first, second):
    """SSIM with zeros around the images."""
    line = gaussian(11, 1.5)
    kernel = np.outer(line, line) / line.sum() ** 2

    def mean(array):
        return correlate(array, kernel, mode="constant")

    m1, m2 = mean(first), mean(second)
    v1, v2, v12 = mean(first**2) - m1**2, mean(second**2) - m2**2, mean(first * second) - m1 * m2
    return (2 * m1 * m2 + 1e-4) * (2 * v12 + 9e-4) / ((m1**2 + m2**2 + 1e-4) * (v1 + v2 + 9e-4))


def test_ssim(images):
    first, second = plane(images[0]), plane(images[1])
    found = plane(ssim_map(images[0], images[1]))
    np.testing.assert_allclose(found, scipy_ssim(first, second), atol=1e-10)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    inner = structural_similarity(first, second, full=True, **options)[1][5:-5, 5:-5]
    np.testing.assert_allclose(found[5:-5, 5:-5], inner, atol=1e-10)


def test_dissimilarity(images):
    assert dissimilarity(images[0], images[0]).mean() == pytest.approx(0, abs=1e-9)
    similarity = scipy_ssim(plane(images[0]), plane(images[1]))
    expected = np.clip(1 - similarity, 0, 1) / 2
    np.testing.assert_allclose(plane(dissimilarity(images[0], images[1])), expected, atol=1e-10)


def test_didfuse(images):
    infrared, visible, other = images
    zero = torch.zeros(1, 64, 4, 4)
    perfect = didfuse_loss((infrared, visible), (infrared, visible), (zero + 0.3, zero), (zero, zero + 0.7))
    assert perfect == pytest.approx(math.tanh(0.3) - 0.5 * math.tanh(0.7), abs=1e-6)

    def rebuilt(image, again):
        dissimilar = np.clip(1 - scipy_ssim(plane(image), plane(again)), 0, 1).mean() / 2
        return 2 * (5 * dissimilar + ((plane(image) - plane(again)) ** 2).mean())

    first = didfuse_loss((infrared, visible), (other, visible), (zero, zero), (zero, zero))
    assert first == pytest.approx(rebuilt(infrared, other))
    slopes = [
        np.stack([sobel(plane(image), axis, mode="nearest") / 8 for axis in (0, 1)]) for image in (visible, other)
    ]
    second = didfuse_loss((infrared, visible), (infrared, other), (zero, zero), (zero, zero))
    assert second == pytest.approx(rebuilt(visible, other) + 10 * np.abs(slopes[0] - slopes[1]).mean())


@pytest.mark.parametrize("published", [False, True])
def test_ms_ssim_of_equal_images_is_one(images, published):
    assert ms_ssim(255 * images[0], 255 * images[0], published) == pytest.approx(1)


@pytest.mark.parametrize(
    ("first", "second", "published", "extent", "power"),
    [(200, 150, False, 255, 1), (200, 150, True, 255, 4), (100, 50, False, 255, 1), (100, 50, True, 1, 4)],
)
def test_ms_ssim_of_constant_images(first, second, published, extent, power):
    """Without variance all contrast terms are 1; what is left is the luminance of the coarsest scale."""
    c1 = (0.01 * extent) ** 2
    luminance = (2 * first * second + c1) / (first**2 + second**2 + c1)
    expected = ((luminance + 1) / 2) ** (0.1333 * power)
    assert ms_ssim(constant(first), constant(second), published) == pytest.approx(expected, rel=1e-6)


def test_ms_ssim_is_a_product_over_scales(images):
    """With windows of one pixel there is no variance: only 1x1 at the last of 16 pixels; so scales are by hand."""
    first, second = 255 * images[0][..., :16, :16], 255 * images[1][..., :16, :16]
    expected, x, y = 1.0, plane(first), plane(second)
    for weight in (0.0448, 0.2856, 0.3001, 0.2363):
        side = min(11, len(x))
        line = np.exp(-((np.arange(side) - side // 2) ** 2) / 4.5)
        kernel = np.outer(line, line) / line.sum() ** 2
        windows = [np.lib.stride_tricks.sliding_window_view(array, (side, side)) for array in (x, y)]
        means = [np.einsum("ijkl,kl", window, kernel) for window in windows]
        squares = [np.einsum("ijkl,kl", window**2, kernel) for window in windows]
        both = np.einsum("ijkl,kl", windows[0] * windows[1], kernel)
        c2 = (0.03 * 255) ** 2
        variances = sum(square - mean**2 for square, mean in zip(squares, means, strict=True))
        expected *= (((2 * (both - means[0] * means[1]) + c2) / (variances + c2)).mean() / 2 + 0.5) ** weight
        x, y = (array.reshape(len(array) // 2, 2, -1, 2).mean((1, 3)) for array in (x, y))
    c1 = (0.01 * 255) ** 2
    expected *= ((2 * x * y + c1) / (x**2 + y**2 + c1) / 2 + 0.5).item() ** 0.1333
    assert ms_ssim(first, second) == pytest.approx(expected)


def test_rfn_nest_autoencoder():
    luminance = (2 * 200 * 150 + 2.55**2) / (200**2 + 150**2 + 2.55**2)
    expected = 50**2 + 100 * (1 - ((luminance + 1) / 2) ** 0.1333)
    assert rfn_nest_autoencoder_loss(constant(200), constant(150)) == pytest.approx(expected)


def test_rfn_nest_fusion(images):
    """Each level counts by its weight; an image that only differs in scale costs nothing."""
    visible = 255 * (images[0] - images[0].min()) / (images[0].max() - images[0].min())
    left, right = ([constant(value, 2)] * 4 for value in (3.0, 5.0))
    wanted = [constant(6 * 3 + 3 * 5.0, 2)] * 4
    assert rfn_nest_fusion_loss(visible, 7 * visible + 40, wanted, left, right) == pytest.approx(0, abs=1e-3)
    for level, weight in enumerate((1, 10, 100, 1000)):
        maps = [each + 0.5 if index == level else each for index, each in enumerate(wanted)]
        assert rfn_nest_fusion_loss(visible, visible, maps, left, right) == pytest.approx(weight / 4, abs=1e-3)


def test_rfn_nest_stretches_each_image_or_the_whole_batch(images):
    visible = torch.cat([255 * (image - image.min()) / (image.max() - image.min()) for image in images[:2]])
    fused = torch.cat((visible[:1], 10 * visible[1:]))
    none = [constant(0.0, 2)] * 4
    assert rfn_nest_fusion_loss(visible, fused, none, none, none) == pytest.approx(0, abs=1e-3)
    assert rfn_nest_fusion_loss(visible, fused, none, none, none, published=True) > 1


def test_swinfusion_and_mgt(images):
    infrared, visible, fused = (plane(image) for image in images)
    slopes = [
        sum(np.abs(sobel(image, axis, mode="constant")) for axis in (0, 1)) for image in (infrared, visible, fused)
    ]
    share = slopes[0].mean() / (slopes[0].mean() + slopes[1].mean())
    brightness = np.abs(fused - np.maximum(infrared, visible)).mean()
    texture = np.abs(slopes[2] - np.maximum(slopes[0], slopes[1])).mean()
    alike = share * scipy_ssim(infrared, fused).mean() + (1 - share) * scipy_ssim(visible, fused).mean()
    for network, weight in (("swinfusion", 20), ("mgt", 50)):
        found = recipe_for(network).original(Examples(*images[:2]), [images[2]])
        assert found == pytest.approx(weight * brightness + weight * texture + 10 * (1 - alike))


def test_black_images_have_a_loss():
    black = constant(0.0)
    assert torch.isfinite(recipe_for("swinfusion").original(Examples(black, black), [black]))


def test_datfuse(images):
    infrared, visible, fused = images
    unlike = 1 - scipy_ssim(np.maximum(plane(infrared), plane(visible)), plane(fused))[5:-5, 5:-5].mean()
    squares = [((plane(fused) - plane(source)) ** 2).mean() for source in (infrared, visible)]
    assert datfuse_loss(infrared, visible, fused).item() == pytest.approx(sum(squares) + 10 * unlike)

    def gradient(image):
        across, down = (sobel(plane(image), axis, mode="constant") for axis in (1, 0))
        return (across - down).mean()

    found = border_gradient_error(infrared, visible, fused).item()
    assert found == pytest.approx(abs(gradient(fused) - max(gradient(infrared), gradient(visible))))
    published, corrected = (
        recipe_for("datfuse", BySources(slips)).original(Examples(infrared, visible), [fused])
        for slips in (True, False)
    )
    assert (published - corrected).item() == pytest.approx(100 * found)


def test_the_gradient_that_datfuse_left_is_of_the_borders_alone(images):
    infrared, visible, fused = images
    changed = fused.clone()
    changed[..., 1:-1, 1:-1] = torch.rand(28, 24, dtype=torch.float64)
    errors = [border_gradient_error(infrared, visible, image).item() for image in (fused, changed)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-9) and errors[0] > 1e-3

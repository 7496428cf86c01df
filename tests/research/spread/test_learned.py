"""Learned noise: its entropy stays, and its mean transformation can be undone."""

import math

import pytest
import torch

from nelloc.research.spread.learned import (
    ContractiveConvolution,
    LowRankNoise,
    TransformedNoise,
    isotropic_deviation,
)


def test_low_rank_noise_has_the_covariance_it_states_and_a_fixed_entropy():
    torch.manual_seed(0)
    noise = LowRankNoise(12, 3, 0.4, 1.5)
    distribution = noise(torch.zeros(12))
    assert torch.allclose(distribution.covariance_matrix, noise.covariance(), atol=1e-5)
    isotropic = isotropic_deviation(0.4, 1.5, 3, 12)
    assert distribution.entropy().item() == pytest.approx(6 * math.log(2 * math.pi * math.e * isotropic**2), abs=1e-3)
    with torch.no_grad():
        noise.basis.mul_(7).add_(torch.randn_like(noise.basis))
    assert noise(torch.zeros(12)).entropy().item() == pytest.approx(distribution.entropy().item(), abs=1e-3)


def test_the_operator_norm_of_a_convolution_is_bounded():
    torch.manual_seed(0)
    layer = ContractiveConvolution(2, 4, 6, bound=0.8)
    with torch.no_grad():
        layer.weight.mul_(20)
    layer.iterate(300)
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x).flatten(), torch.zeros(1, 2, 6, 6))
    norms = torch.linalg.svdvals(jacobian.reshape(4 * 36, 2 * 36))
    assert float(norms[0]) == pytest.approx(0.8, abs=1e-3)


def test_the_mean_transformation_is_invertible_even_with_large_weights():
    torch.manual_seed(0)
    noise = TransformedNoise(3, 8, 0.5, blocks=2, width=8, bound=0.9)
    with torch.no_grad():
        for parameter in noise.parameters():
            parameter.mul_(30)
    noise.iterate(200)
    x = torch.randn(5, 3 * 64)
    y = noise.mean(x)
    assert (y - x).abs().mean().item() > 0.05
    assert torch.allclose(noise.invert(y), x, atol=1e-3)


def test_the_mean_transformation_keeps_distances_within_its_bounds():
    torch.manual_seed(0)
    noise = TransformedNoise(1, 8, 0.5, blocks=1, width=8, bound=0.7)
    with torch.no_grad():
        for parameter in noise.parameters():
            parameter.mul_(30)
    noise.iterate(200)
    x, other = torch.randn(200, 64), torch.randn(200, 64)
    ratio = (noise.mean(x) - noise.mean(other)).norm(dim=1) / (x - other).norm(dim=1)
    assert float(ratio.min()) >= 0.3
    assert float(ratio.max()) <= 1.7


def test_a_single_convolution_can_be_undone_and_kernel_norms_would_not_do():
    """A.7 divides the kernel by its matrix's spectral norm: the convolution's own norm is above 1 then."""
    torch.manual_seed(0)
    noise = TransformedNoise(1, 8, 0.5, blocks=0, bound=0.9)
    (layer,) = noise.layers()
    with torch.no_grad():
        layer.weight.fill_(1.0)
    noise.iterate(300)
    x = torch.randn(5, 64)
    assert torch.allclose(noise.invert(noise.mean(x)), x, atol=1e-3)
    spectral = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
    scaled = 0.9 * layer.weight.detach() / spectral
    picture = torch.ones(1, 1, 8, 8)
    assert float(torch.nn.functional.conv2d(picture, scaled, padding=1).norm() / picture.norm()) > 2

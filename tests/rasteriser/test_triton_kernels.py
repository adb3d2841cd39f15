"""The GPU kernels against the plain functions in float64: in Triton's interpreter, and on a GPU if there is one.

Triton chooses the interpreter at import. The interpreted kernels therefore run in another process, which runs this
file.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from packaging.version import Version

from learning_to_draw.rasteriser import draw_lines, exp, line_edt2, pixel_grid, softor


def random(*shape, scale=1.0):
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1) * scale


def through_pixel_centres():
    return torch.tensor([[[[0.0, -1.0], [0.0, 1.0]], [[-0.5, -0.5], [0.5, 0.5]], [[0.25, 0.0], [0.0, 0.0]]]])


def far_beyond():
    lines = random(1, 3, 2, 2, scale=1e6)
    lines[0, 0] = torch.tensor([[-1e6, -0.9e6], [1e6, 0.9e6]])
    return lines


def thin_and_thick(batch, strokes):
    return torch.logspace(-3.5, -0.5, batch * strokes, dtype=torch.float64).view(batch, strokes)


# Polylines [B, N, V, 2], size, sigma2 (one number, or [B, N]), channels of intensities; the first intensity is 0.
CASES = {
    "lines": (random(2, 3, 2, 2), (20, 24), 5e-4, None),
    "lines that cover the canvas": (random(1, 3, 2, 2), (20, 40), 0.5, None),
    "points": (random(2, 3, 1, 2), (17, 17), 0.01, None),
    "polylines": (random(1, 3, 4, 2), (20, 20), 0.01, None),
    "one intensity": (random(1, 3, 2, 2), (20, 20), 0.01, 1),
    "colours of polylines": (random(1, 2, 3, 2), (20, 20), 0.01, 3),
    "through pixel centres": (through_pixel_centres(), (17, 17), 0.01, None),
    "no length": (random(1, 2, 1, 2).repeat(1, 1, 2, 1), (17, 17), 0.01, None),
    "far beyond the canvas": (far_beyond(), (20, 20), 0.01, None),
    "one pixel": (random(2, 2, 2, 2), (1, 1), 0.25, None),
    "one row": (random(2, 2, 2, 2), (1, 18), 0.01, None),
    "points, thin and thick": (random(2, 3, 1, 2), (17, 17), thin_and_thick(2, 3), None),
    "lines, thin and thick": (random(2, 3, 2, 2), (20, 24), thin_and_thick(2, 3), 1),
    "polylines, thin and thick": (random(1, 4, 4, 2), (20, 20), thin_and_thick(1, 4), 3),
    "no strokes": (random(2, 0, 2, 2), (5, 5), 0.01, None),
}


def plain(vertices, size, widths, intensities):
    ends = (vertices[:, :, :-1], vertices[:, :, 1:]) if vertices.shape[2] > 1 else (vertices, vertices)
    grid = pixel_grid(size, dtype=vertices.dtype, device=vertices.device)
    d2 = line_edt2(torch.stack(ends, dim=-2), grid).amin(2)
    rasters = exp(d2, widths[..., None, None]).unsqueeze(2)
    return softor(rasters if intensities is None else intensities[..., None, None] * rasters)


def errors(vertices, size, sigma2, channels, device="cpu"):
    """The largest error of the image, and of each gradient relative to its largest entry."""
    from learning_to_draw.rasteriser.triton_kernels import TritonPolylines

    vertices = vertices.detach().to(device).requires_grad_()
    inputs, intensities, exact_intensities = [vertices], None, None
    # In the logarithm, the gradients of thin and thick strokes have the same scale.
    if isinstance(sigma2, torch.Tensor):
        inputs.append(sigma2.log().to(device).requires_grad_())
    if channels:
        intensities = random(*vertices.shape[:2], channels).abs().to(device)
        intensities[:1, :1] = 0
        inputs.append(intensities.requires_grad_())
    exact_inputs = [tensor.detach().double().requires_grad_() for tensor in inputs]
    if isinstance(sigma2, torch.Tensor):
        widths, exact_widths = inputs[1].exp(), exact_inputs[1].exp()
    else:
        widths = exact_widths = torch.full(vertices.shape[:2], sigma2, dtype=torch.float64, device=device)
    if channels:
        exact_intensities = exact_inputs[-1]
    image = TritonPolylines.apply(vertices.double(), intensities, size, widths, torch.float32)
    exact = plain(exact_inputs[0], size, exact_widths, exact_intensities)
    weights = torch.randn(exact.shape, generator=torch.Generator().manual_seed(1)).to(device)
    grads = torch.autograd.grad((image * weights).sum(), inputs)
    exact_grads = torch.autograd.grad((exact * weights).sum(), exact_inputs)
    largest = [(image - exact).abs().max().item()]
    for grad, exact_grad in zip(grads, exact_grads, strict=True):
        if grad.numel():
            largest.append(((grad - exact_grad).abs().max() / exact_grad.abs().max().clamp(min=1e-9)).item())
    return largest


def far_off_or_not_a_number(device="cpu"):
    """Image and gradients of strokes at 1e30 (all 0), and for each sketch whether it contains NaN."""
    from learning_to_draw.rasteriser.triton_kernels import TritonPolylines

    lines = (random(1, 2, 2, 2) + 1e30).double().to(device).requires_grad_()
    widths = torch.full((1, 2), 0.01, dtype=torch.float64, device=device, requires_grad=True)
    image = TritonPolylines.apply(lines, None, (12, 12), widths, torch.float32)
    largest = [tensor.abs().max().item() for tensor in (image, *torch.autograd.grad(image.sum(), (lines, widths)))]
    lines, widths = random(3, 2, 3, 2).double().to(device), torch.full((3, 2), 0.01, dtype=torch.float64).to(device)
    lines[1, 0, 0, 1] = torch.nan
    widths[2, 1] = torch.nan
    shows = TritonPolylines.apply(lines, None, (12, 12), widths, torch.float32).isnan().flatten(1).any(1)
    return [largest, shows.tolist()]


@pytest.fixture(scope="module")
def interpreted():
    if importlib.util.find_spec("triton") is None:
        pytest.skip("needs Triton")
    root = Path(__file__).parents[2]
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(root)}
    run = subprocess.run([sys.executable, __file__], env=environment, cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_kernels_match_the_plain_path(interpreted, case):
    of_image, *of_gradients = interpreted[case]
    assert of_image <= 5e-6
    assert all(error <= 1e-5 for error in of_gradients)


def test_far_off_strokes_draw_nothing_and_coordinates_and_widths_that_are_not_numbers_show(interpreted):
    assert interpreted["far off, or not a number"] == [[0, 0, 0], [False, True, True]]


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
def test_kernels_on_a_gpu_match_the_plain_path(case):
    of_image, *of_gradients = errors(*CASES[case], device="cuda")
    assert of_image <= 5e-6
    assert all(error <= 1e-5 for error in of_gradients)


@pytest.mark.gpu
def test_on_a_gpu_far_off_strokes_draw_nothing_and_values_that_are_not_numbers_show():
    assert far_off_or_not_a_number("cuda") == [[0, 0, 0], [False, True, True]]


@pytest.mark.gpu
def test_on_a_gpu_drawing_uses_the_kernels_and_repeats_to_the_last_bit():
    lines = random(5, 20, 2, 2).cuda().requires_grad_()
    image, again = draw_lines(lines, 96, 5e-4), draw_lines(lines, 96, 5e-4)
    assert type(image.grad_fn).__name__.startswith("TritonPolylines")
    assert torch.equal(image, again)
    gradients = [torch.autograd.grad(drawn.square().sum(), lines)[0] for drawn in (image, again)]
    assert torch.equal(*gradients)


@pytest.mark.parametrize("pieces", [1, 10])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("widths", [False, True])
@pytest.mark.parametrize("capability", [80, 90, 100])  # A100, H100, B200
def test_kernels_compile_for_a_gpu(pieces, channels, widths, capability, tmp_path, monkeypatch):
    triton = pytest.importorskip("triton")
    if capability == 100 and Version(triton.__version__) < Version("3.3"):
        pytest.skip("the first Triton for Blackwell is 3.3")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from learning_to_draw.rasteriser import triton_kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    constants = {"PIECES": pieces, "PIECES_HELD": triton.next_power_of_2(pieces), "TILE": 16}
    constants["WIDTHS"] = widths
    if channels == 1:  # Triton treats an argument of 1 as a constant
        constants["channels"] = 1
    tensors = {"records", "pens", "shades", "product", "weight", "pulls", "inks", "spreads"}
    numbers = {"strokes", "height", "width"}
    lists_constants = Version(triton.__version__) >= Version("3.3")
    for kernel in (triton_kernels._draw, triton_kernels._pull):
        signature, values = {}, {}
        for name in kernel.arg_names:
            if name not in constants:
                signature[name] = "*fp32" if name in tensors else "i32" if name in numbers | {"channels"} else "fp32"
                continue
            values[name] = constants[name]
            if lists_constants:
                signature[name] = "constexpr"
        source = ASTSource(kernel, signature, values)
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=triton_kernels._COMPILER)
        assert compiled.asm["ptx"]


if __name__ == "__main__":
    results = {name: errors(*case) for name, case in CASES.items()}
    print(json.dumps(results | {"far off, or not a number": far_off_or_not_a_number()}))

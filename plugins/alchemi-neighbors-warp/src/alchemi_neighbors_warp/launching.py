"""Launching kernels on torch tensors, on torch's current stream."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import torch
import warp as wp
from torch import Tensor

_VECTORS = {torch.int32: wp.vec3i, torch.int64: wp.vec3l, torch.float64: wp.vec3d}

Argument: TypeAlias = object
"""What kernels take: Warp's view of a tensor, or a number."""


def numbers(tensor: Tensor) -> Argument:
    """View a tensor as an array of numbers."""
    view: Argument = wp.from_torch(tensor, requires_grad=False, return_ctype=True)
    return view


def vectors(tensor: Tensor) -> Argument:
    """View a tensor [..., 3] as an array of vectors."""
    if tensor.numel() == 0:
        # whatever its strides, torch calls it contiguous; Warp does not
        tensor = tensor.new_empty(tensor.shape)
    view: Argument = wp.from_torch(tensor, dtype=_VECTORS[tensor.dtype], requires_grad=False, return_ctype=True)
    return view


def matrices(tensor: Tensor) -> Argument:
    """View a tensor [..., 3, 3], float64, as an array of matrices."""
    view: Argument = wp.from_torch(tensor, dtype=wp.mat33d, requires_grad=False, return_ctype=True)
    return view


def launch(kernel: wp.Kernel, device: wp.Device, threads: int, *arguments: Argument) -> None:
    """Launch a kernel where its tensors are, after the work that torch has in its queue.

    Parameters
    ----------
    kernel : warp.Kernel
        Loaded already.
    device : warp.Device
        Of all tensors.
    threads : int
        Number of threads; none is fine.
    arguments
        Those of the kernel, in order.
    """
    if threads:
        wp.launch(kernel, dim=threads, inputs=arguments, device=device, stream=_stream(device), record_tape=False)


def _stream(device: wp.Device) -> wp.Stream | None:
    if not device.is_cuda:
        return None
    return _warp_stream(device, torch.cuda.current_stream(wp.device_to_torch(device)).cuda_stream)


@cache
def _warp_stream(device: wp.Device, handle: int) -> wp.Stream:
    """Warp's handle of a torch stream; kept, since Warp forgets a stream when any one of its handles goes."""
    return wp.Stream(device, cuda_stream=handle)

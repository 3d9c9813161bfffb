"""Cut-outs by the models of rembg (https://github.com/danielgatis/rembg): U²-Net, IS-Net, BiRefNet and others."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from util.errors import InvalidInputError, WeightsMissingError
from util.preprocess.framing import limit_longest
from util.preprocess.pixels import Image

if TYPE_CHECKING:
    from rembg.sessions.base import BaseSession

_LOADING = threading.Lock()


def cut_out(
    image: Image,
    *,
    model: str,
    matting: bool = False,
    foreground: int = 240,
    background: int = 10,
    erode: int = 10,
    base: int = 1000,
) -> Image:
    """The item as rembg's model sees it.

    Args:
        image: uint8 H×W×3 RGB.
        model: name of one of ``models()``.
        matting: refines the edge by alpha matting.
        foreground: threshold of the surely visible region for the matting, in [0, 255].
        background: threshold of the surely see-through region.
        erode: pixels by which both are shrunk.
        base: the matting is done with at most so many pixels on the longer side.

    Returns:
        uint8 H×W×4 RGBA, alpha not multiplied in. Where the model finds nothing, everything stays visible: pictures
        that are all black would be taken for one another.

    Raises:
        InvalidInputError: if there is no such model.
        WeightsMissingError: if its weights cannot be had or loaded.
    """
    session = _session(model)
    if matting:
        made = _matted(image, session, foreground, background, erode, base)
    else:
        import rembg

        with np.errstate(invalid="ignore"):  # rembg divides by the spread of the mask, which may be nothing
            made = np.ascontiguousarray(rembg.remove(image, session=session, putalpha=True), dtype=np.uint8)
    if not made[..., 3].any():
        return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    return made


def _matted(image: Image, session: BaseSession, foreground: int, background: int, erode: int, base: int) -> Image:
    """Closed-form matting takes memory and time as no other step does, so it runs on a smaller copy of large photos."""
    import rembg

    small = limit_longest(image, side=base)
    with np.errstate(invalid="ignore"):
        cut = rembg.remove(
            small,
            session=session,
            putalpha=True,
            alpha_matting=True,
            alpha_matting_foreground_threshold=foreground,
            alpha_matting_background_threshold=background,
            alpha_matting_erode_size=erode,
        )
    made = np.ascontiguousarray(cut, dtype=np.uint8)
    if small.shape == image.shape:
        return made
    from pymatting import estimate_foreground_ml

    height, width = image.shape[:2]
    alpha = cv2.resize(made[..., 3], (width, height), interpolation=cv2.INTER_LINEAR)
    colours = estimate_foreground_ml(image / 255, alpha / 255)
    return np.dstack([np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8), alpha])


def models() -> tuple[str, ...]:
    """Names of the models that cut out one item on this machine; rembg's services, which send photos away, are not."""
    return tuple(sorted(_session_classes()))


def models_at_hand() -> tuple[str, ...]:
    """Names of the models whose weights are on this machine already, so that nothing has to be downloaded."""
    return tuple(name for name, one in sorted(_session_classes().items()) if one.resolve_existing(f"{name}.onnx"))


def _session(model: str) -> BaseSession:
    with _LOADING:  # two threads that need it at once shall load it once
        return _loaded(model)


@lru_cache(maxsize=4)
def _loaded(model: str) -> BaseSession:
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf
    from rembg import new_session

    classes = _session_classes()
    if model not in classes:
        raise InvalidInputError(f"no background model {model!r}: use grabcut, none or one of {', '.join(models())}")
    folder = classes[model].model_dir()
    try:
        return new_session(model)
    except (OSError, ValueError) as error:
        # requests' errors are OSErrors; pooch raises ValueError for a file with the wrong checksum.
        raise WeightsMissingError(
            f"the weights of the background model {model!r} are not in {folder} and could not be downloaded "
            f"({_first_line(error)}): put {model}.onnx from https://github.com/danielgatis/rembg/releases there, "
            "or use background=grabcut, which needs none"
        ) from error
    except (InvalidArgument, InvalidGraph, InvalidProtobuf, Fail) as error:
        raise WeightsMissingError(
            f"the weights of the background model {model!r} in {folder} cannot be loaded ({_first_line(error)}): "
            f"delete {model}.onnx there and it is downloaded again, or use background=grabcut, which needs none"
        ) from error


@lru_cache(maxsize=1)
def _session_classes() -> dict[str, type[BaseSession]]:
    from rembg.sessions import sessions_class

    return {one.name(): one for one in sessions_class if one.is_local() and not _needs_more(one.name())}


def _needs_more(model: str) -> bool:
    """Whether a model asks for more than a photo (a file of one's own, points), or gives more than one cut-out."""
    return model.endswith("_custom") or model in ("sam", "u2net_cloth_seg")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]

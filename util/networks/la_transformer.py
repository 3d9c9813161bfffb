"""LA-Transformer: a vision transformer that looks at an image stripe by stripe, and at the whole with each of them.

C. Sharma, S. R. Kapil and D. Chapman, "Person Re-Identification with a Locally Aware Transformer",
arXiv:2106.03720; the code they published with it is github.com/SiddhantKapil/LA-Transformer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from util.errors import InvalidInputError
from util.networks.first_convolution import require_channels
from util.networks.timm_models import timm_model

STEM = tuple(f"trunk.{name}" for name in ("patch_embed", "cls_token", "reg_token", "pos_embed", "norm_pre"))
"""What the names of the parameters begin with that come before the blocks."""


class LATransformer(nn.Module):
    """The patches' tokens are averaged in horizontal stripes, and each stripe is mixed with the class token.

    A stripe's vector is (class + weighting · mean of the stripe's tokens) / (1 + weighting), as in the published
    code; the larger the weighting, the more the stripes differ. Where ``classes`` says how many there are, every
    stripe has a classifier of its own: a linear layer to 256, batch norm, dropout, and a linear layer.

    Args:
        dimension: length of the embedding. Where it is not what ``join`` makes, a linear layer makes it of that.
        channels: of the input, 3 or 9.
        trunk: a vision transformer of timm that has a class token.
        parts: how many stripes; by default one for each row of patches.
        weighting: of the stripe against the class token, at least 0; λ in the paper.
        join: ``mean`` of the stripes; or ``concatenate``, as the paper does: parts times as long.
        classes: how many the classifiers tell apart; 0 for none.
        dropout: share of the classifiers' 256 values that training leaves out, in [0, 1).

    Raises:
        UnknownExtractorError: if timm has no such model.
        InvalidInputError: if it is not such a transformer, or cannot be cut into so many stripes.
    """

    def __init__(
        self,
        *,
        dimension: int = 768,
        channels: int = 3,
        trunk: str = "vit_base_patch16_224",
        parts: int | None = None,
        weighting: float = 8.0,
        join: Literal["mean", "concatenate"] = "mean",
        classes: int = 0,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.trunk = _vision_transformer(trunk, channels)
        rows, width = int(self.trunk.patch_embed.grid_size[0]), int(self.trunk.embed_dim)
        self.parts = _checked_parts(rows if parts is None else parts, rows, weighting, join)
        self.dimension, self.channels, self.weighting, self.join = dimension, channels, weighting, join
        joined = self.parts * width if join == "concatenate" else width
        self.head = nn.Identity() if dimension == joined else nn.Linear(joined, dimension)
        self.classifiers = nn.ModuleList(
            _classifier(width, classes, dropout) for _ in range(self.parts if classes else 0)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, dimension), not of unit length.

        Raises:
            InvalidInputError: if the images have other channels.
        """
        return self._embedded(self.part_vectors(images))

    def part_logits(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, parts, classes), before any softmax; the loss is the sum over the parts.

        Raises:
            InvalidInputError: if the images have other channels, or the network no classifiers.
        """
        return self._classified(self.part_vectors(images))

    def embed_and_classify(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both from one pass over the transformer: (N, dimension) and (N, parts, classes).

        Raises:
            InvalidInputError: if the images have other channels, or the network no classifiers.
        """
        vectors = self.part_vectors(images)
        return self._embedded(vectors), self._classified(vectors)

    def part_vectors(self, images: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, parts, width), from the uppermost stripe to the lowest.

        Raises:
            InvalidInputError: if the images have other channels.
        """
        require_channels(images, self.channels)
        tokens = self.trunk.fc_norm(self.trunk.forward_features(images))  # (N, prefix + rows · columns, width)
        rows, columns = self.trunk.patch_embed.dynamic_feat_size(images.shape[-2:])
        whole, patches = tokens[:, :1], tokens[:, self.trunk.num_prefix_tokens :]
        maps = patches.transpose(1, 2).unflatten(2, (rows, columns))  # (N, width, rows, columns)
        stripes = functional.adaptive_avg_pool2d(maps, (self.parts, 1)).squeeze(3).transpose(1, 2)
        vectors: torch.Tensor = (whole + self.weighting * stripes) / (1 + self.weighting)
        return vectors

    def unfreezing_groups(self) -> Iterator[list[nn.Parameter]]:
        """The parameters in the order in which fine-tuning lets them go, each once.

        First everything after the blocks, then the blocks from the last to the first, then what is before them.
        """
        named = list(self.named_parameters())
        yield [weight for name, weight in named if not name.startswith(("trunk.blocks.", *STEM))]
        for block in reversed(self.trunk.blocks):
            yield list(block.parameters())
        yield [weight for name, weight in named if name.startswith(STEM)]

    def _embedded(self, vectors: torch.Tensor) -> torch.Tensor:
        joined = vectors.flatten(1) if self.join == "concatenate" else vectors.mean(dim=1)
        embeddings: torch.Tensor = self.head(joined)
        return embeddings

    def _classified(self, vectors: torch.Tensor) -> torch.Tensor:
        if not self.classifiers:
            raise InvalidInputError("this LATransformer has no classifiers: make it with classes= their number")
        logits = [classify(part) for classify, part in zip(self.classifiers, vectors.unbind(1), strict=True)]
        return torch.stack(logits, dim=1)


def _vision_transformer(name: str, channels: int) -> Any:
    import timm

    timm_model(name)
    model = name.partition(".")[0]
    known = any(model in timm.list_models(module=module) for module in ("vision_transformer", "deit"))
    # Positions are interpolated and edges padded, so that images need not be of the one size of the pretraining.
    sizes: dict[str, Any] = {"dynamic_img_size": True, "dynamic_img_pad": True}
    network = timm.create_model(name, pretrained=False, num_classes=0, in_chans=channels, **sizes) if known else None
    if network is None or getattr(network, "cls_token", None) is None:
        raise InvalidInputError(
            f"timm's {name!r} is no plain vision transformer with a class token, such as vit_base_patch16_224 or "
            "deit_small_patch16_224: name one of these as trunk"
        )
    return network


def _checked_parts(parts: int, rows: int, weighting: float, join: str) -> int:
    if not 1 <= parts <= rows:
        raise InvalidInputError(f"{rows} rows of patches can be cut into 1 to {rows} parts, not into {parts}")
    if not weighting >= 0:
        raise InvalidInputError(f"the weighting of the parts is at least 0, not {weighting}")
    if join not in ("mean", "concatenate"):
        raise InvalidInputError(f"parts are joined by mean or concatenate, not by {join!r}")
    return parts


def _classifier(width: int, classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 256), nn.BatchNorm1d(256), nn.Dropout(dropout), nn.Linear(256, classes))

"""Siamese networks: both images through one branch, and a head that says whether they show the same item.

The idea is J. Bromley et al.'s, "Signature Verification using a Siamese Time Delay Neural Network", NIPS 1993.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from util.networks.convolution_branch import ConvolutionBranch
from util.networks.initialisation import he_initialised

SAME, DIFFERENT = 0, 1
"""The two columns of the logits, and so the labels that a cross-entropy takes."""


class PairHead(nn.Module):
    """Two embeddings to the logits of *same* and *different*; which of the two comes first changes nothing.

    It sees ``|a − b|`` and ``a · b``, element by element. Each is the same number, to the last bit, when a and b are
    swapped, which two embeddings laid end to end are not: a head on those has to learn symmetry and never quite
    does. Their plain sums are the L1 distance and the cosine, so that the head starts from both and learns which
    elements count. ``a + b`` is left out on purpose: it says where in the space the pair lies, by which a head can
    learn the training items by heart. Embeddings are first brought to one length, √dimension, where the elements
    are about 1; hence those a store has made unit length give the same answer.

    Args:
        dimension: of the embeddings.
        hidden: width of the hidden layer.
        dropout: share of it that training leaves out, in [0, 1).
    """

    def __init__(self, *, dimension: int, hidden: int = 512, dropout: float = 0.5) -> None:
        super().__init__()
        self.length = float(dimension) ** 0.5
        self.layers = nn.Sequential(
            he_initialised(nn.Linear(2 * dimension, hidden)),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, 2),
        )

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """(…, D) and (…, D), broadcast against one another, to (…, 2)."""
        a, b = (functional.normalize(embeddings, dim=-1) * self.length for embeddings in (a, b))
        logits: torch.Tensor = self.layers(torch.cat([(a - b).abs(), a * b], dim=-1))
        return logits


class SiameseNetwork(nn.Module):
    """A branch that embeds images, one at a time, and a head that compares two embeddings.

    Args:
        branch: any embedding network: (N, C, H, W) to (N, D), with D in its attribute ``dimension``.
        hidden: width of the pair head's hidden layer.
        dropout: share of it that training leaves out, in [0, 1).
    """

    def __init__(self, *, branch: nn.Module, hidden: int = 512, dropout: float = 0.5) -> None:
        super().__init__()
        self.dimension = int(branch.dimension)  # type: ignore[arg-type]
        self.branch = branch
        self.head = PairHead(dimension=self.dimension, hidden=hidden, dropout=dropout)

    def forward(self, images: torch.Tensor, others: torch.Tensor | None = None) -> torch.Tensor:
        """Compares pairs; or embeds, where one batch alone is given.

        Args:
            images: (N, C, H, W)
            others: (N, C, H, W), each to be compared with the image in the same place.

        Returns:
            (N, 2), logits of *same* and *different*; without ``others`` (N, dimension), not of unit length.
        """
        embeddings: torch.Tensor = self.branch(images)
        return embeddings if others is None else self.pair_logits(embeddings, self.branch(others))

    def pair_logits(self, a_embeddings: torch.Tensor, b_embeddings: torch.Tensor) -> torch.Tensor:
        """Compares embeddings, so that nobody needs to embed an image twice.

        Args:
            a_embeddings: (…, D) of any lengths, unit length or not.
            b_embeddings: (…, D); one query (1, D) against candidates (N, D) costs no copy of the query, nor do
                queries (Q, 1, D) against candidates (1, N, D).

        Returns:
            (…, 2), logits of *same* and *different*.
        """
        logits: torch.Tensor = self.head(a_embeddings, b_embeddings)
        return logits

    def same_probability(self, a_embeddings: torch.Tensor, b_embeddings: torch.Tensor) -> torch.Tensor:
        """How probable it is that two embeddings are of the same item.

        Args:
            a_embeddings: as in ``pair_logits``.
            b_embeddings: likewise.

        Returns:
            (…), in [0, 1]; as trustworthy as the head was trained and calibrated.
        """
        return self.pair_logits(a_embeddings, b_embeddings).softmax(dim=-1)[..., SAME]


class SiameseAlexNet(SiameseNetwork):
    """torchvision's AlexNet, its maps pooled to 6×6 or less, a linear layer, and the pair head.

    Takes images from 63×63 pixels. torchvision's weights fit ``branch.features``.

    Args:
        dimension: length of the embedding.
        channels: of the input, 3 or 9.
        grid: height and width to which the maps are pooled.
        maximum: pools by the maximum, not by the mean.
        batch_norm: after every convolution.
        hidden: width of the pair head's hidden layer.
        dropout: share of it that training leaves out, in [0, 1).
    """

    def __init__(
        self,
        *,
        dimension: int = 512,
        channels: int = 3,
        grid: int = 6,
        maximum: bool = False,
        batch_norm: bool = False,
        hidden: int = 512,
        dropout: float = 0.5,
    ) -> None:
        branch = ConvolutionBranch(
            trunk="alexnet", dimension=dimension, channels=channels, grid=grid, maximum=maximum, batch_norm=batch_norm
        )
        super().__init__(branch=branch, hidden=hidden, dropout=dropout)


class SiameseVGG16(SiameseNetwork):
    """torchvision's VGG16, the maximum of each of its 512 maps, a linear layer, and the pair head.

    K. Simonyan and A. Zisserman, arXiv:1409.1556. Takes images from 32×32 pixels. torchvision's weights fit
    ``branch.features``.

    Args:
        dimension: length of the embedding.
        channels: of the input, 3 or 9.
        grid: height and width of what is kept of the maps.
        hidden: width of the pair head's hidden layer.
        dropout: share of it that training leaves out, in [0, 1).
    """

    def __init__(
        self, *, dimension: int = 512, channels: int = 3, grid: int = 1, hidden: int = 512, dropout: float = 0.5
    ) -> None:
        branch = ConvolutionBranch(trunk="vgg16", dimension=dimension, channels=channels, grid=grid, maximum=True)
        super().__init__(branch=branch, hidden=hidden, dropout=dropout)

"""Soft product quantisation: embeddings as mixtures of learnt words, so that training sees what indexing will lose."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from util.errors import InvalidInputError


class SoftProductQuantisation(nn.Module):
    """Replaces each of the parts of an embedding by a mixture of words, float (N, D) to float32 (N, D).

    The embedding is cut into ``books`` parts of D / books values, each brought to unit length, as the words are. A
    part x becomes the mean of its book's words c weighted by softmax(−sharpness · ‖x − c‖²), which has a gradient;
    as ``sharpness`` grows it goes to the nearest word, which ``codes`` and ``decode`` use.

    Source: Yu, Yuan, Fang and Jin, "Product quantization network for fast image retrieval", ECCV 2018.

    Args:
        dimension: D, a multiple of ``books``.
        books: parts of an embedding, and so bytes of its code while there are at most 256 words.
        words: of each book.
        sharpness: of the assignment, above 0; the paper's α, whose squared distance of unit vectors is 2 − 2xᵀc.

    Raises:
        InvalidInputError: if one of them is out of range.
    """

    def __init__(self, dimension: int, *, books: int = 8, words: int = 256, sharpness: float = 5.0) -> None:
        super().__init__()
        if books < 1 or dimension < 1 or dimension % books or words < 1 or not sharpness > 0:
            raise InvalidInputError(
                "product quantisation takes a dimension that is a multiple of books, words of at least 1 and a "
                f"sharpness above 0, not dimension={dimension}, books={books}, words={words}, sharpness={sharpness}"
            )
        self.sharpness = sharpness
        self.words = nn.Parameter(functional.normalize(torch.randn(books, words, dimension // books), dim=2))

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """(N, D) to (N, D): the soft mixtures, not of unit length."""
        with torch.autocast(embeddings.device.type, enabled=False):
            # Of unit vectors ‖x − c‖² = 2 − 2 xᵀc, and what is the same for all words is lost in softmax.
            weights = (2 * self.sharpness * self._similarities(embeddings)).softmax(dim=2)
            return torch.einsum("nbw,bwd->nbd", weights, self._unit_words()).flatten(1)

    def codes(self, embeddings: torch.Tensor) -> torch.Tensor:
        """The nearest word of each part: (N, D) to int64 (N, books), from 0 to words − 1."""
        with torch.autocast(embeddings.device.type, enabled=False):
            return self._similarities(embeddings).argmax(dim=2)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """The words of codes side by side: int64 (N, books) to float32 (N, D)."""
        return self._unit_words()[torch.arange(codes.shape[1], device=codes.device), codes].flatten(1)

    def _similarities(self, embeddings: torch.Tensor) -> torch.Tensor:
        """(N, D) to (N, books, words): cosines of each part with the words of its book."""
        books, _, length = self.words.shape
        parts = functional.normalize(embeddings.float().reshape(-1, books, length), dim=2)
        return torch.einsum("nbd,bwd->nbw", parts, self._unit_words())

    def _unit_words(self) -> torch.Tensor:
        return functional.normalize(self.words, dim=2)

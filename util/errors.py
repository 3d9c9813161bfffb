"""Everything that can go wrong in NearID, by name.

Each message says what was given, what was expected and how to mend it, in one line. The command line prints
that line and leaves with ``exit_status``; the service answers with ``code``. Nothing else of an error is shown
to a user, so the message has to be enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar


class NearIdError(Exception):
    """Root of all errors that NearID raises on purpose.

    Attributes:
        code: short name of the kind of error, stable across versions, for programs.
        exit_status: status of a command that ends with this error.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1


class InvalidInputError(NearIdError, ValueError):
    """An argument that cannot be used: a wrong shape, range, name or combination."""

    code = "invalid_input"
    exit_status = 2


class ImageError(NearIdError):
    """An image that cannot be read; ``source`` names the file or says what was given instead of one."""

    code = "image_unreadable"

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source}: {reason}")

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        # Exceptions are pickled by their message alone; worker processes need both parts back.
        return type(self), (self.source, self.reason)


class ImageTooLargeError(ImageError):
    """An image over the byte or pixel limit, refused before its pixels are decoded."""

    code = "image_too_large"


class RecipeError(InvalidInputError):
    """A preprocessing recipe that cannot be parsed or applied."""

    code = "recipe_invalid"


class DatasetError(NearIdError):
    """A data set whose files, columns or splits are not what its format says."""

    code = "dataset_invalid"


class DownloadError(NearIdError):
    """A file that could not be fetched or is not the published one; the message says where to put it by hand."""

    code = "download_failed"


class UnknownExtractorError(InvalidInputError):
    """No extractor has this name; the message lists the ones there are."""

    code = "extractor_unknown"


class UnknownVerifierError(InvalidInputError):
    """No verifier has this name, or what has it cannot verify; the message lists the verifiers there are."""

    code = "verifier_unknown"


class UnknownReRankerError(InvalidInputError):
    """No re-ranker has this name; the message lists the ones there are."""

    code = "reranker_unknown"


class StaleGalleryError(InvalidInputError):
    """A search found an image that came to its space after the gallery to re-rank by was read."""

    code = "gallery_stale"


class ReRankerUnavailableError(NearIdError):
    """The re-ranker exists but cannot be loaded here, usually for want of a package."""

    code = "reranker_unavailable"


class ExtractorUnavailableError(NearIdError):
    """The extractor exists but cannot be loaded here, usually for want of a package."""

    code = "extractor_unavailable"


class WeightsMissingError(ExtractorUnavailableError):
    """The weights are neither here nor downloadable; the message says which file to put where."""

    code = "weights_missing"


class StoreError(NearIdError):
    """A store that cannot do what was asked of it."""

    code = "store_error"


class IndexUnavailableError(StoreError):
    """A search index whose library is not installed."""

    code = "index_unavailable"


class StoreUnavailableError(StoreError):
    """A store that cannot be reached or opened."""

    code = "store_unavailable"


class PartialWriteError(StoreError):
    """A batch of which a store confirmed only a part; the rest may or may not be there.

    Writing the batch again does no harm.

    Attributes:
        space: name of the space.
        confirmed: ids that are written.
        unconfirmed: ids that the store refused, did not answer for or was not asked to write any more.
        reason: what was wrong with the first of them.
    """

    code = "partly_written"

    def __init__(self, space: str, *, confirmed: Sequence[str], unconfirmed: Sequence[str], reason: str) -> None:
        self.space, self.reason = space, reason
        self.confirmed, self.unconfirmed = tuple(confirmed), tuple(unconfirmed)
        super().__init__(
            f"space {space!r}: {len(self.confirmed)} of {len(self.confirmed) + len(self.unconfirmed)} images of a "
            f"batch are written, the others are not confirmed ({reason}): write the batch again"
        )

    def __reduce__(self) -> tuple[object, ...]:
        made = partial(
            type(self), self.space, confirmed=self.confirmed, unconfirmed=self.unconfirmed, reason=self.reason
        )
        return made, ()


class SpaceNotFoundError(StoreError):
    """No space of this name; the message lists the ones there are."""

    code = "space_not_found"
    exit_status = 2


class SpaceExistsError(StoreError):
    """A space of this name is already there with other properties."""

    code = "space_exists"
    exit_status = 2


class FingerprintMismatchError(StoreError):
    """Embeddings of another extractor, weights or recipe than the space holds."""

    code = "fingerprint_mismatch"
    exit_status = 2

    def __init__(self, space: str, expected: str, given: str) -> None:
        self.space, self.expected, self.given = space, expected, given
        super().__init__(
            f"space {space!r} holds embeddings with fingerprint {expected[:12]}, the ones given have {given[:12]}: "
            "use the extractor, weights and recipe the space was made with, or index into a new space"
        )

    def __reduce__(self) -> tuple[type[FingerprintMismatchError], tuple[str, str, str]]:
        return type(self), (self.space, self.expected, self.given)


class DimensionMismatchError(InvalidInputError):
    """Vectors of another dimension than the space holds."""

    code = "dimension_mismatch"


class NotCalibratedError(NearIdError):
    """A decision was asked for, but the space has no threshold and none was given."""

    code = "not_calibrated"
    exit_status = 2


class TrainingDivergedError(NearIdError):
    """A loss became infinite or no number at all."""

    code = "training_diverged"
    exit_status = 1


class RunExistsError(NearIdError):
    """A run of this name was made with other settings."""

    code = "run_exists"
    exit_status = 2

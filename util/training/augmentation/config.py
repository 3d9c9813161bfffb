"""How strongly views of an image are changed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from util.errors import InvalidInputError

LEVELS = ("none", "light", "standard", "strong")
"""Names of the levels, from no change at all to the strongest."""


class AugmentationConfig(BaseModel):
    """Strengths of all steps; 0 switches a step off. As constructed without arguments it is the level ``standard``.

    Attributes:
        min_crop_area: share of the source's area that every view shows at least, in [0.1, 1].
        stretch: change of the aspect: by a factor of at most 1 + this either way, in [0, 1].
        rotation: largest turn either way, in degrees, in [0, 45].
        perspective: how far each corner of the view moves outwards at most, as a share of half its side, in [0, 0.5].
        flip: whether half of the views are mirrored left to right. Mirrored print is another item: off by default.
        vertical_flip: whether half of the views are mirrored top to bottom; off by default for the same reason.
        quarter_turns: whether views are turned by 0, 90, 180 or 270 degrees (0 or 180 where the source is not
            square), for items that lie about without an up.
        uneven_light: largest gain of a linear gradient of light across the view, lost or won, in [0, 0.2].
        shadow: largest share of light that a cast shadow takes, in [0, 0.9].
        brightness: largest change of the gain of all levels, in [0, 0.5]. Gains alone: an offset would turn the hues
            of whatever it pushes to black or white.
        gamma: exponents of exposure from 1 / (1 + this) to 1 + this, in [0, 1].
        colour_temperature: largest shift of the light's colour from 6500 K, in mired (10⁶ / K, in which equal steps
            look equal), in [0, 85]; 85 reaches from 4200 K (evening sun) to 14500 K (deep shade).
        saturation: largest change of the saturation's gain, in [0, 1].
        hue: largest turn of all hues in degrees, in [0, 30]; none by default, for colour often is the difference.
        blur: width of the largest kernel of motion or defocus, as a share of the view's shorter side, in [0, 0.2]; a
            kernel has at least 3 pixels.
        noise: largest standard deviation of the sensor's noise, as a share of the full range, in [0, 0.2].
        jpeg_quality: lowest quality of JPEG compression, 1 to 100; 100 switches it off.
        occlusion: share of the view that one or two plain rectangles hide at most, in [0, 0.5].
        light_chance: how often each change of light and colour happens, in [0, 1].
        defect_chance: how often each of shadow, blur, noise, compression and occlusion happens, in [0, 1].
        new_background: how often a cut-out (RGBA) is put on a new background, in [0, 1].
        plain_background: what a cut-out stands on otherwise: ``black``, ``white`` or ``grey``, as in a recipe's
            ``flatten``.
        keep_alpha: whether views of RGBA images stay RGBA, on no background.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_crop_area: float = Field(default=0.6, ge=0.1, le=1)
    stretch: float = Field(default=0.1, ge=0, le=1)
    rotation: float = Field(default=10, ge=0, le=45)
    perspective: float = Field(default=0.12, ge=0, le=0.5)
    flip: bool = False
    vertical_flip: bool = False
    quarter_turns: bool = False
    uneven_light: float = Field(default=0.2, ge=0, le=0.2)
    shadow: float = Field(default=0.4, ge=0, le=0.9)
    brightness: float = Field(default=0.25, ge=0, le=0.5)
    gamma: float = Field(default=0.4, ge=0, le=1)
    colour_temperature: float = Field(default=20, ge=0, le=85)
    saturation: float = Field(default=0.2, ge=0, le=1)
    hue: float = Field(default=0, ge=0, le=30)
    blur: float = Field(default=0.03, ge=0, le=0.2)
    noise: float = Field(default=0.04, ge=0, le=0.2)
    jpeg_quality: int = Field(default=40, ge=1, le=100)
    occlusion: float = Field(default=0.12, ge=0, le=0.5)
    light_chance: float = Field(default=0.5, ge=0, le=1)
    defect_chance: float = Field(default=0.25, ge=0, le=1)
    new_background: float = Field(default=0.7, ge=0, le=1)
    plain_background: Literal["black", "white", "grey"] = "black"
    keep_alpha: bool = False

    @classmethod
    def at_level(cls, level: str, **changes: object) -> AugmentationConfig:
        """A named level, with some of its strengths changed.

        Args:
            level: ``none``, ``light``, ``standard`` or ``strong``.
            changes: fields of this class.

        Raises:
            InvalidInputError: if there is no such level or field, or a strength is out of its range.

        >>> AugmentationConfig.at_level("light", flip=True).flip
        True
        """
        if level not in LEVELS:
            raise InvalidInputError(f"there is no augmentation level {level!r}: use one of {', '.join(LEVELS)}")
        try:
            return cls.model_validate(_STRENGTHS[level] | changes)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, one['loc']))} = {one['input']!r}: {one['msg']}" for one in error.errors()
            )
            raise InvalidInputError(f"augmentation {wrong}; see AugmentationConfig for fields and ranges") from error

    @classmethod
    def none(cls) -> AugmentationConfig:
        """No change at all: views are the images themselves, resized where a size is asked for."""
        return cls.at_level("none")

    @property
    def moves(self) -> bool:
        """Whether a view can show the image from elsewhere."""
        motions = (self.stretch, self.rotation, self.perspective, self.flip, self.vertical_flip, self.quarter_turns)
        return self.min_crop_area < 1 or any(motions)


_STRENGTHS: dict[str, dict[str, object]] = {
    "none": {
        "min_crop_area": 1,
        "jpeg_quality": 100,
        **dict.fromkeys(
            (
                *("stretch", "rotation", "perspective", "uneven_light", "shadow", "brightness", "gamma"),
                *("colour_temperature", "saturation", "hue", "blur", "noise", "occlusion", "new_background"),
                *("light_chance", "defect_chance"),
            ),
            0,
        ),
    },
    "light": {
        "min_crop_area": 0.8,
        "stretch": 0.05,
        "rotation": 5,
        "perspective": 0.06,
        "uneven_light": 0.1,
        "shadow": 0.2,
        "brightness": 0.15,
        "gamma": 0.2,
        "colour_temperature": 10,
        "saturation": 0.1,
        "blur": 0.02,
        "noise": 0.02,
        "jpeg_quality": 70,
        "occlusion": 0.05,
        "defect_chance": 0.15,
        "new_background": 0.5,
    },
    "standard": {},
    "strong": {
        "min_crop_area": 0.4,
        "stretch": 0.2,
        "rotation": 20,
        "perspective": 0.25,
        "shadow": 0.6,
        "brightness": 0.35,
        "gamma": 0.7,
        "colour_temperature": 35,
        "saturation": 0.35,
        "blur": 0.06,
        "noise": 0.08,
        "jpeg_quality": 20,
        "occlusion": 0.2,
        "light_chance": 0.7,
        "defect_chance": 0.4,
        "new_background": 0.9,
    },
}

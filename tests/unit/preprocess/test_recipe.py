import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.errors import InvalidInputError, RecipeError
from util.preprocess.exposure import exposure_pair
from util.preprocess.framing import crop_to_alpha, pad_to_square, resize_area
from util.preprocess.grammar import Choice, Flag, Name, Number, Size
from util.preprocess.pixels import flatten
from util.preprocess.recipe import Recipe, Step
from util.preprocess.steps import STEPS


def written(kind) -> st.SearchStrategy[str]:
    """Texts that a kind of value accepts, in more than its canonical spelling."""
    if isinstance(kind, Number):
        low, high = int(np.ceil(kind.low)), int(min(kind.high, 300))
        whole = st.integers(low, high).map(str)
        padded = whole.map(lambda text: f"0{text}")
        broken = st.floats(max(kind.low, 1e-5), kind.high, allow_subnormal=False).map(repr)
        return whole | padded | (whole if kind.whole else broken)
    if isinstance(kind, Size):
        side = st.integers(1, 64)
        return side.map(str) | st.tuples(side, side).map(lambda pair: f"{pair[0]}x{pair[1]}")
    if isinstance(kind, Choice):
        return st.sampled_from(kind.options)
    if isinstance(kind, Flag):
        return st.sampled_from(["true", "false"])
    assert isinstance(kind, Name)
    return st.sampled_from(["u2netp", "grabcut", "none", "isnet-general-use"])


PICTURES = tuple(name for name, kind in STEPS.items() if kind.channels == 3)
"""Steps that may stand anywhere: what they make is a picture."""


@st.composite
def step_texts(draw, names=PICTURES) -> str:
    name = draw(st.sampled_from(names))
    kind, gap = STEPS[name], draw(st.sampled_from(["", " "]))
    text = name
    if kind.value is not None and (kind.value_needed or draw(st.booleans())):
        text += f"{gap}={gap}{draw(written(kind.value))}"
    if kind.parameters:
        for key in draw(st.lists(st.sampled_from(sorted(kind.parameters)), unique=True)):
            text += f"{gap}:{key}={gap}{draw(written(kind.parameters[key]))}"
    return text


recipes = st.lists(step_texts(), max_size=6).map(",".join)


@given(recipes)
def test_what_is_printed_reads_back_as_the_same_recipe(text):
    recipe = Recipe.parse(text)
    again = Recipe.parse(str(recipe))
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert str(again) == str(recipe)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("crop", "crop=10"),
        ("crop=10", " crop = 010 "),
        ("resize=224x224", "resize=224"),
        ("exposure", "exposure=dual:gamma=0.60:lambda=.15"),
        ("exposure=dual:sigma=2:gamma=1", "exposure=dual:gamma=1.0:sigma=2"),
        ("background", "background=u2netp:matting=false"),
        ("lightness", "lightness=180.0"),
        ("flatten", "flatten=black"),
        ("", "  "),
    ],
)
def test_two_spellings_of_one_recipe_are_equal(one, other):
    assert Recipe.parse(one) == Recipe.parse(other)
    assert str(Recipe.parse(one)) == str(Recipe.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("crop=10", "crop=9"),
        ("square", "square=black"),
        ("exposure=dual", "exposure=lime"),
        ("crop, square", "square, crop"),
        ("exposure", "exposure:bc=0"),
    ],
)
def test_other_recipes_are_other_values(one, other):
    assert Recipe.parse(one) != Recipe.parse(other)
    assert str(Recipe.parse(one)) != str(Recipe.parse(other))


def test_the_recipe_of_the_design_prints_as_it_is_written():
    text = "background=u2netp, crop=10, square, resize=224, exposure=dual:gamma=0.7"
    assert str(Recipe.parse(text)) == text


def test_steps_made_by_hand_equal_parsed_ones():
    made = Recipe([Step("crop", "4"), Step("exposure", "lime", (("gamma", 0.7), ("sigma", 3.0)))])
    assert made == Recipe.parse("crop=4, exposure=lime:gamma=0.7")
    assert made in {Recipe.parse("crop=4, exposure=lime:gamma=0.7:sigma=3")}


def test_recipes_travel_to_other_processes():
    recipe = Recipe.parse("crop, square=edge, resize=32x16")
    assert pickle.loads(pickle.dumps(recipe)) == recipe


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", None),
        ("resize=224", (224, 224)),
        ("resize=224x160", (160, 224)),
        ("resize=224x160, square", (224, 224)),
        ("shortest=256", None),
        ("shortest=256, center=224", (224, 224)),
        ("resize=100x50, shortest=100", (100, 200)),
        ("resize=100x50, longest=50", (25, 50)),
        ("resize=32, exposure=dual", (32, 32)),
        ("resize=32, crop", None),
    ],
)
def test_output_size_is_height_and_width(text, size):
    assert Recipe.parse(text).output_size == size


light = tuple(name for name in PICTURES if name not in ("background", "exposure"))


@settings(max_examples=60)
@given(
    text=st.lists(step_texts(light), max_size=4).map(",".join),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([3, 4])),
    seed=st.integers(0, 100),
)
def test_every_recipe_makes_flat_rgb_of_the_size_it_promises(text, shape, seed):
    image = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    before = image.copy()
    recipe = Recipe.parse(text)
    made = recipe.apply(image)
    assert made.dtype == np.uint8
    assert made.shape[2] == 3
    assert made.flags.c_contiguous
    assert recipe.output_size in (None, made.shape[:2])
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(flatten(recipe.transform(image)), made)


def test_steps_run_in_the_order_written():
    image = np.random.default_rng(0).integers(0, 256, (30, 20, 4), dtype=np.uint8)
    image[:, :12, 3] = 0
    made = Recipe.parse("crop=2, square, resize=16").apply(image)
    by_hand = flatten(resize_area(pad_to_square(crop_to_alpha(image, margin=2)), height=16, width=16))
    np.testing.assert_array_equal(made, by_hand)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur=3", "unknown step 'blur' .* background, center, channels, crop"),
        ("crop,,square", "unknown step ''"),
        ("resize", "'resize' needs a value"),
        ("resize=", "like 224 or 224x160"),
        ("resize=0", "each side from 1"),
        ("resize=224x", "like 224 or 224x160"),
        ("resize=²²", "like 224 or 224x160"),
        ("resize=99999", "to 8192"),
        ("crop=1.5", "a whole number from 0 to 8192, not '1.5'"),
        ("crop=nan", "a whole number"),
        ("square=pink", "black, grey, white, edge"),
        ("exposure=hdr", "dual, lime"),
        ("exposure=dual:gama=1", "no parameter 'gama': there are gamma, lambda"),
        ("exposure=dual:gamma=1:gamma=2", "'gamma' twice"),
        ("exposure=dual:gamma", "'gamma' of the step 'exposure' must be a number"),
        ("exposure=dual:gamma=inf", "from 0.01 to 10"),
        ("crop=3:soft=1", "no parameter 'soft': it takes none"),
        ("background=a b", "a name of letters"),
        ("background=u2netp:matting=yes", "true or false, not 'yes'"),
    ],
)
def test_exceptions_name_what_there_is(text, message):
    with pytest.raises(RecipeError, match=message):
        Recipe.parse(text)


def test_what_is_no_image_is_refused():
    with pytest.raises(InvalidInputError, match="uint8"):
        Recipe.parse("resize=8").apply(np.zeros((4, 4, 3)))


def test_nine_channels_end_a_recipe():
    with pytest.raises(RecipeError, match="'channels' must be the last"):
        Recipe.parse("channels=exposure, resize=8")
    assert str(Recipe.parse("resize=8, channels:gamma=0.7")) == "resize=8, channels=exposure:gamma=0.7"
    assert (Recipe.parse("resize=8, channels").channels, Recipe.parse("resize=8").channels) == (9, 3)


def test_the_nine_channels_are_the_picture_and_its_two_corrections():
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    nine = Recipe.parse("resize=10, channels=exposure").apply(image)
    picture = Recipe.parse("resize=10").apply(image)
    np.testing.assert_array_equal(nine, np.concatenate([picture, *exposure_pair(picture)], axis=2))
    assert nine.flags.c_contiguous


def test_the_prior_nine_channels_are_the_picture_transposed_and_inverted():
    image = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    nine = Recipe.parse("channels=transposed").apply(image)
    expected = np.concatenate([image, image.transpose(1, 0, 2), 255 - image], axis=2)
    np.testing.assert_array_equal(nine, expected)
    with pytest.raises(InvalidInputError, match="only a square can be transposed"):
        Recipe.parse("channels=transposed").apply(image[:5])


def test_a_recipe_is_split_after_a_step():
    before, after = Recipe.parse("background=grabcut, crop, square, resize=8").split_after("background", "crop")
    assert (str(before), str(after)) == ("background=grabcut, crop=10", "square, resize=8")
    assert Recipe.parse("square").split_after("background") == (Recipe(), Recipe.parse("square"))

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.spatial.distance import pdist
from scipy.stats import rankdata

from util.errors import InvalidInputError
from util.plots.embedding_map import MOST_NAMED, QueryWay, embedding_map


def clusters(n_items, photos, *, dimension=8, spread=0.05):
    random = np.random.default_rng(0)
    centres = np.repeat(random.normal(size=(n_items, dimension)), photos, axis=0)
    embeddings = centres + random.normal(0, spread, centres.shape)
    items = [f"item-{number:02d}" for number in range(n_items) for _ in range(photos)]
    return (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32), items


def points_by_label(figure):
    return {drawn.get_label(): np.asarray(drawn.get_offsets()) for drawn in figure.axes[0].collections}


def looks(figure):
    """Colour and marker of each item; a marker by its outline."""
    return {
        drawn.get_label(): (to_hex(drawn.get_facecolor()[0]), drawn.get_paths()[0].vertices.tobytes())
        for drawn in figure.axes[0].collections
    }


def test_pca_keeps_all_distances_of_points_in_a_plane():
    random = np.random.default_rng(1)
    plane = np.linalg.qr(random.normal(size=(16, 2)))[0].T
    embeddings = random.normal(size=(30, 2)) @ plane + 3
    figure = embedding_map(embeddings, ["a"] * 30, method="pca")
    assert pdist(points_by_label(figure)["a"]) == pytest.approx(pdist(embeddings))
    labels = [figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()]
    variances = np.linalg.eigvalsh(np.cov(embeddings.T))[::-1]
    for number, label in enumerate(labels):
        share = variances[number] / variances.sum()
        assert label == f"principal component {number + 1} ({share:.0%} of variance)"


def test_each_named_item_has_a_look_of_its_own_and_the_rest_are_grey():
    embeddings, items = clusters(MOST_NAMED + 3, 4)
    rare = {items[0], items[20], items[-1]}
    kept = [i for i, item in enumerate(items) if item not in rare or i % 4]
    figure = embedding_map(embeddings[kept], [items[i] for i in kept], method="pca", title="Where $items$ lie")
    drawn = points_by_label(figure)
    assert set(drawn) == set(items) - rare | {"3 other items"}
    assert len(drawn["3 other items"]) == 9
    assert len(set(looks(figure).values())) == MOST_NAMED + 1
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "3 other items",
        *sorted(drawn)[1:],
    ]
    figure.canvas.draw()


def test_names_are_shown_as_they_are():
    names = ["_hidden", "$x_1$", "a name far too long to be put beside a map"]
    figure = embedding_map(np.eye(6), names * 2, method="pca")
    figure.canvas.draw()
    shown = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert shown == ["$x_1$", " _hidden", "a name far too long to be p…"]


@pytest.mark.parametrize("count", [2, 3, 11])
def test_few_images_are_laid_out_by_pca_and_the_axes_say_so(count):
    embeddings, items = clusters(count, 1)
    axes = embedding_map(embeddings, items).axes[0]
    assert axes.get_xlabel().startswith("principal component 1")


@pytest.mark.parametrize("embeddings", [np.ones((4, 1)), np.ones((4, 6)), np.array([[1.0], [2.0]])])
def test_embeddings_without_two_directions_are_drawn(embeddings):
    points = np.concatenate(list(points_by_label(embedding_map(embeddings, ["a"] * len(embeddings))).values()))
    assert points.shape == (len(embeddings), 2) and np.isfinite(points).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("photos", [3, 10])
def test_umap_keeps_items_together_and_repeats_itself(photos):
    embeddings, items = clusters(5, photos)
    drawn = points_by_label(embedding_map(embeddings, items, seed=4))
    again = points_by_label(embedding_map(embeddings, items, seed=4))
    assert all((drawn[item] == again[item]).all() for item in items)
    points = np.concatenate([drawn[item] for item in sorted(drawn)])
    same = pdist(np.repeat(np.arange(5), photos)[:, None]) == 0
    ranks = rankdata(pdist(points))
    n_same, n_other = same.sum(), (~same).sum()
    area = (ranks[~same].sum() - n_other * (n_other + 1) / 2) / (n_same * n_other)
    assert area > 0.95  # of the ROC of "same item" by distance in the map


@pytest.mark.parametrize(
    ("embeddings", "items", "method", "message"),
    [
        (np.eye(3), ["a"] * 3, "tsne", "no map by 'tsne': use one of umap, pca"),
        (np.ones(3), ["a"] * 3, "pca", "not of shape (3,)"),
        (np.ones((1, 3)), ["a"], "pca", "N at least 2"),
        (np.ones((3, 0)), ["a"] * 3, "pca", "not of shape (3, 0)"),
        (np.eye(3), ["a"] * 2, "pca", "one item for each of 3 embeddings, not 2"),
        (np.full((3, 2), np.nan), ["a"] * 3, "umap", "finite"),
    ],
)
def test_what_cannot_be_mapped_is_refused(embeddings, items, method, message):
    with pytest.raises(InvalidInputError) as caught:
        embedding_map(embeddings, items, method=method)
    assert message in str(caught.value)


@pytest.mark.parametrize("method", ["pca", pytest.param("umap", marks=pytest.mark.slow)])
def test_a_query_is_drawn_with_its_way_and_its_neighbours(method):
    embeddings, items = clusters(3, 5)
    query = QueryWay(np.stack([embeddings[0], embeddings[5]]), neighbours=[5, 6])
    figure = embedding_map(embeddings, items, method=method, query=query)
    drawn = points_by_label(figure)
    assert set(drawn) == {*items, "the query", "the query, moved", "its first hits, by rank"}
    assert drawn["its first hits, by rank"] == pytest.approx(drawn["item-01"][:2])
    if method == "pca":  # equal embeddings lie on one another
        assert drawn["the query"] == pytest.approx(drawn["item-00"][:1])
        assert drawn["the query, moved"] == pytest.approx(drawn["item-01"][:1])
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "2", ""]  # places, then the arrow
    figure.canvas.draw()


def test_a_query_that_stays_has_no_arrow():
    embeddings, items = clusters(2, 3)
    figure = embedding_map(embeddings, items, method="pca", query=QueryWay(embeddings[:1]))
    assert set(points_by_label(figure)) == {*items, "the query"}
    assert not figure.axes[0].texts


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (QueryWay(np.zeros((0, 8))), r"finite stops \(S, 8\)"),
        (QueryWay(np.zeros((1, 7))), r"not of shape \(1, 7\)"),
        (QueryWay(np.full((1, 8), np.nan)), "finite stops"),
        (QueryWay(np.zeros((1, 8)), neighbours=[6]), "none of the 6 images"),
    ],
)
def test_queries_that_do_not_fit_the_map(query, message):
    embeddings, items = clusters(2, 3)
    with pytest.raises(InvalidInputError, match=message):
        embedding_map(embeddings, items, method="pca", query=query)

"""CSV and JSON lists: what their columns mean, what comes back, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from util.datasets import read_dataset, write_csv, write_meta
from util.errors import DatasetError
from util.records import ImageRecord


def _read(folder: Path, name: str, text: str, **options: object) -> list[ImageRecord]:
    (folder / name).write_text(text, encoding="utf-8")
    return read_dataset(folder / name, **options)


def test_csv_columns(make_files):
    root = make_files(["a.jpg", "b.jpg"])
    first, second = _read(
        root,
        "meta.csv",
        ",file,class,label,weight,code,fresh,tags,note\n"
        '0,a.jpg,milk,3,1.5,007,true,"[""red"", ""dented""]",plain\n'
        "1,b.jpg,,4,2,12,false,,\n",
    )
    assert (first.id, first.path, first.item) == ("a.jpg", str(root / "a.jpg"), "milk")
    assert dict(first.metadata) == {
        "label": 3,
        "weight": 1.5,
        "code": "007",
        "fresh": True,
        "tags": ["red", "dented"],
        "note": "plain",
    }
    assert second.item is None
    assert dict(second.metadata) == {"label": 4, "weight": 2.0, "code": "12", "fresh": False}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("path,item", "a.jpg,milk"),
        ("file_name,label", "a.jpg,milk"),
        ("file;class", "a.jpg;milk"),
        ("file\tclass", "a.jpg\tmilk"),
        ("\ufefffile,class", "a.jpg,milk"),
        (" file , class ", " a.jpg , milk "),
    ],
)
def test_csv_dialects(make_files, header, row):
    (record,) = _read(make_files(["a.jpg"]), "list.csv", f"{header}\n\n{row}\n")
    assert (record.id, record.item, dict(record.metadata)) == ("a.jpg", "milk", {})


def test_class_goes_before_label(make_files):
    (record,) = _read(make_files(["a.jpg"]), "list.csv", "file,label,class\na.jpg,7,milk\n")
    assert (record.item, dict(record.metadata)) == ("milk", {"label": 7})


def test_names_from_windows_are_found(make_files):
    (record,) = _read(make_files(["milk/a.jpg"]), "list.csv", "file,class\nmilk\\a.jpg,milk\n")
    assert record.id == "milk/a.jpg"
    assert Path(record.path).exists()


def test_root_and_absolute_names(make_files, tmp_path_factory):
    root = make_files(["photos/a.jpg"])
    elsewhere = tmp_path_factory.mktemp("lists")
    text = f"file\nphotos/a.jpg\n{root}/photos/b.jpg\n/gone/c.jpg\n"
    records = _read(elsewhere, "list.csv", text, root=root)
    assert [record.id for record in records] == ["photos/a.jpg", "photos/b.jpg", "/gone/c.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("image,class\na.jpg,x\n", "one of file, file_name, path is needed, there are image, class"),
        ("file,class\na.jpg,x,y\n", "line 2: 3 columns where the header has 2"),
        ("file,class\na.jpg,x\na.jpg\n", "line 3: 1 columns"),
        ("file,class\n,x\n", "line 2: the column 'file' is empty"),
        ("file,class,class\na.jpg,x,y\n", "'class' stands twice"),
        ('file,class\n"a.jpg,x\n', "is it a CSV file"),
        ("file,class\nnowhere.jpg,x\n", "none of its 1 files exists"),
    ],
)
def test_csv_that_cannot_be_read(make_files, text, message):
    with pytest.raises(DatasetError, match=message):
        _read(make_files(["a.jpg"]), "list.csv", text)


def test_csv_that_is_not_text(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"file\n\xff\xfe\x00.jpg\n")
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_dataset(tmp_path / "list.csv")


def test_meta_finds_files_where_prior_sets_have_them(make_files):
    root = make_files(["images/milk/1.jpg", "cream/2.jpg", "3.jpg", "images/4.jpg"])
    rows = [
        {"class": "milk", "id": 7, "keyword": "dairy", "file_name": "1.jpg"},
        {"class": "cream", "id": "x", "keyword": "dairy", "file_name": "2.jpg"},
        {"class": "cream", "id": 9, "keyword": "dairy", "file_name": "3.jpg"},
        {"class": "cream", "file_name": "4.jpg"},
        {"class": "cream", "file_name": "gone.jpg"},
    ]
    records = _read(root, "meta.json", json.dumps(rows))
    assert [record.id for record in records] == [
        "images/milk/1.jpg",
        "cream/2.jpg",
        "3.jpg",
        "images/4.jpg",
        "gone.jpg",
    ]
    assert records[0].item == "milk"
    assert dict(records[0].metadata) == {"id": 7, "keyword": "dairy"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[{]", "is not JSON"),
        ('{"file_name": "a.jpg"}', "holds one dict: a list of rows is needed"),
        ('["a.jpg"]', "row 1: 'a.jpg' is not an object"),
        ('[{"class": "x"}]', "row 1: no column names the file.*there are class"),
        ('[{"file_name": 7}]', "has to be the name of a file, not 7"),
        ('[{"file_name": ""}]', "has to be the name of a file"),
        ('[{"file_name": "a.jpg", "class": ["x", "y"]}]', "has to be the name of one item"),
        ('[{"file_name": "a.jpg", "box": {"x": 1}}]', "row 1, 'box'.*cannot be stored"),
        ('[{"file_name": "a.jpg", "score": NaN}]', "NaN is not a JSON number"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_meta_that_cannot_be_read(make_files, text, message):
    with pytest.raises(DatasetError, match=message):
        _read(make_files(["a.jpg"]), "meta.json", text)


@pytest.mark.parametrize("field", ["class", "image_id", "file"])
def test_metadata_that_clashes_with_a_column_is_refused(tmp_path, field):
    with pytest.raises(DatasetError, match=f"field '{field}' is a column of the list"):
        write_csv([ImageRecord("a", str(tmp_path / "a.jpg"), None, {field: 1})], tmp_path / "list.csv")


def test_an_interrupted_write_leaves_the_old_list(tmp_path):
    target = tmp_path / "list.csv"
    target.write_text("old")

    def records():
        yield ImageRecord("a", str(tmp_path / "a.jpg"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_csv(records(), target)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["list.csv"]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.text('file,class;\t\n"[]{}:a.jpg019', max_size=80).map(str.encode)
    | st.text("/\\\0\n.a", max_size=400).map(lambda name: f'file\n"{name}"\n'.encode()),
    st.sampled_from(["list.csv", "list.json", "list.txt"]),
)
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    try:
        read_dataset(tmp_path / name)
    except DatasetError as error:
        assert "\n" not in str(error)


_WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\\", exclude_categories=("Cs",)), min_size=1)
_FILE = st.text("abc019 ._-äß", min_size=1, max_size=8).filter(lambda name: name.strip(". ") == name)
_SCALAR = {
    "number": st.integers(-(10**15), 10**15),
    "share": st.floats(allow_nan=False, allow_infinity=False),
    "fresh": st.booleans(),
    # A CSV column of texts comes back as texts if one of them is no number, truth value or list.
    "note": _WORD.map(lambda word: f"n{word}").filter(lambda word: word.strip() == word),
    "tags": st.lists(_WORD, min_size=1),
}
_METADATA = st.fixed_dictionaries({}, optional=_SCALAR)


@st.composite
def _records(draw):
    names = draw(st.lists(_FILE, min_size=1, max_size=6, unique=True))
    items = st.none() | _WORD.filter(lambda word: word.strip() == word)
    own_id = st.none() | _WORD.filter(lambda word: word.strip() == word)
    rows = [(f"photos/{name}.jpg", draw(items), draw(_METADATA), draw(own_id)) for name in names]
    ids = [own or file for file, _, _, own in rows]
    return [row for row, id_ in zip(rows, ids, strict=True) if ids.count(id_) == 1] or rows[:1]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    (folder / "photos").mkdir()
    (folder / "photos" / "here.jpg").write_text("so that the list is not wholly missing")
    return folder


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(rows=_records(), form=st.sampled_from(["csv", "json"]))
def test_lists_come_back_as_they_were_written(photos, rows, form):
    records = [ImageRecord(own or file, str(photos / file), item, metadata) for file, item, metadata, own in rows]
    records.append(ImageRecord("photos/here.jpg", str(photos / "photos/here.jpg"), None, {"share": 0.5}))
    list_ = photos / f"list.{form}"
    (write_csv if form == "csv" else write_meta)(records, list_)
    assert read_dataset(list_) == records


def test_meta_keeps_types_that_csv_cannot_tell(tmp_path):
    (tmp_path / "a.jpg").write_text("a")
    record = ImageRecord("a.jpg", str(tmp_path / "a.jpg"), "7", {"code": "007", "size": "12", "note": "", "tags": []})
    write_meta([record], tmp_path / "list.json")
    assert read_dataset(tmp_path / "list.json") == [record]
    write_csv([record], tmp_path / "list.csv")
    (back,) = read_dataset(tmp_path / "list.csv")
    assert dict(back.metadata) == {"code": "007", "size": 12, "tags": []}
    assert back.item == "7"

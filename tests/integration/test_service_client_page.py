"""The program on the page about the client runs against the service."""

import re
import shutil
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/service_client.md"
KEY = "0123456789abcdef"


def test_the_program_of_the_page(start_service, catalogue, tmp_path, monkeypatch, capsys):
    shutil.copytree(catalogue / "gallery", tmp_path / "photos")
    shutil.copy(catalogue / "queries/item2/4.jpg", tmp_path / "query.jpg")
    (tmp_path / "photos/item2/9.jpg").write_bytes(b"\xff\xd8\xff broken")
    monkeypatch.chdir(tmp_path)
    [program] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    names = {"URL": start_service(extractor="color_texture", api_key=KEY), "KEY": KEY}
    exec(compile(program, PAGE.name, "exec"), names)
    indexed, found, reranked, decided = capsys.readouterr().out.splitlines()
    assert indexed == "20 new, 0 there already, ['photos/item2/9.jpg'] not readable"
    assert found.startswith("[('photos/item2/")
    assert reranked.startswith("('photos/item2/")
    assert reranked.endswith("{}")  # query expansion explains no hits
    assert decided.startswith("known item2 best match 'item2'")
    assert names["vectors"].shape[0] == 1

"""What becomes of rendered files: only ours are touched, only when they change, and never outside the project."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pgconductor.build import compare, generate
from pgconductor.build.write import Change, diff
from pgconductor.errors import OutputError
from pgconductor.plan.model import Plan

MODELS = "src/shop/conductor/models.py"


def edit(config: Path, old: str, new: str) -> None:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def listing(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_first_time_everything_is_created(shop: Path) -> None:
    outcome = generate(shop)
    assert len(outcome.files) == len(outcome.changes) == 12
    assert {change.summary.split()[0] for change in outcome.changes} == {"create"}
    assert set(Plan.load(shop.parent / "src/shop/conductor/plan.json").files) | {"src/shop/conductor/plan.json"} == {
        change.path for change in outcome.changes
    }
    assert not (shop.parent / "src/shop/conductor/models.py").stat().st_mode & 0o111


def test_the_second_time_nothing_is_written(shop: Path) -> None:
    generate(shop)
    before = {path: path.stat().st_mtime_ns for path in shop.parent.rglob("*")}
    assert generate(shop).changes == ()
    assert {path: path.stat().st_mtime_ns for path in shop.parent.rglob("*")} == before


def test_only_what_changed_is_written(shop: Path) -> None:
    generate(shop)
    edit(shop, 'street = "str(min_length=1)"', 'street = "str"')
    assert [change.path for change in generate(shop).changes] == [MODELS, "src/shop/conductor/plan.json"]


def test_compare_reads_and_writes_nothing(shop: Path) -> None:
    before = listing(shop.parent)
    outcome = compare(shop)
    assert len(outcome.changes) == 12
    assert listing(shop.parent) == before
    assert generate(shop).changes == outcome.changes


def test_the_diff_is_one_that_patch_understands(shop: Path) -> None:
    generate(shop)
    edit(shop, "[queues.slow]", "[queues.quick]")
    edit(shop, 'queue = "slow"', 'queue = "quick"')
    edit(shop, 'street = "str(min_length=1)"', 'street = "str"')
    text = compare(shop).diff
    assert "--- a/src/shop/conductor/models.py\n+++ b/src/shop/conductor/models.py\n" in text
    assert "--- /dev/null\n+++ b/db/conductor/queues/quick.sql\n" in text
    assert "--- a/db/conductor/queues/slow.sql\n+++ /dev/null\n" in text
    subprocess.run(["patch", "-p1", "-s", "-E"], input=text, text=True, cwd=shop.parent, check=True)
    assert compare(shop).changes == ()


def test_a_diff_shows_that_no_line_break_ends_a_file() -> None:
    text = diff([Change("a.txt", "one\u2028two", "one\n")])
    assert text == "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\u2028two\n\\ No newline at end of file\n+one\n"


def test_what_is_no_longer_generated_is_deleted_if_it_is_still_ours(shop: Path) -> None:
    generate(shop)
    queues = shop.parent / "db/conductor/queues"
    (queues / "mail.sql").write_text((queues / "mail.sql").read_text() + "-- mine\n")
    edit(shop, "[queues.slow]", "[queues.quick]")
    edit(shop, 'queue = "slow"', 'queue = "quick"')
    edit(shop, 'queue = "mail"\n', "")
    edit(shop, "[queues.mail]\nworker_concurrency = 50\n", "")
    edit(shop, "[env.prod.queues.mail]\nworker_concurrency = 200\n", "")
    generate(shop)
    assert sorted(path.name for path in queues.iterdir()) == ["default.sql", "mail.sql", "quick.sql"]


def test_an_empty_folder_is_not_left_behind(shop: Path) -> None:
    generate(shop)
    edit(shop, "[generate]\n", '[generate]\nsql_dir = "sql"\n')
    generate(shop)
    assert not (shop.parent / "db/conductor").exists()
    assert (shop.parent / "sql/schema.sql").is_file()


@pytest.mark.parametrize("path", [MODELS, "src/shop/conductor/plan.json", "db/conductor/schema.sql"])
def test_a_file_edited_by_hand_is_refused_and_nothing_is_written(path: str, shop: Path) -> None:
    generate(shop)
    edited = shop.parent / path
    edited.write_text(edited.read_text().replace("pgconductor", "pgconduct0r", 2))
    edited.write_text(edited.read_text().replace("pgconduct0r", "pgconductor", 1))
    edit(shop, 'street = "str(min_length=1)"', 'street = "str"')
    before = listing(shop.parent)
    with pytest.raises(OutputError, match=rf"error\[GEN101\]: {path} was edited since it was generated; delete it and"):
        generate(shop)
    assert listing(shop.parent) == before
    edited.unlink()
    generate(shop)
    assert compare(shop).changes == ()


def test_a_file_that_is_not_ours_is_refused_and_all_of_them_are_named(shop: Path) -> None:
    package = shop.parent / "src/shop/conductor"
    package.mkdir()
    (package / "client.py").write_text("print()\n")
    (package / "tasks.py").write_text("print()\n")
    with pytest.raises(OutputError) as caught:
        generate(shop)
    first, second = str(caught.value).splitlines()
    assert first.startswith("error[GEN102]: src/shop/conductor/client.py exists and was not generated by pgconductor")
    assert second.startswith("error[GEN102]: src/shop/conductor/tasks.py exists")
    assert sorted(path.name for path in package.iterdir()) == ["client.py", "tasks.py"]


def test_an_empty_file_is_in_nobodys_way(shop: Path) -> None:
    package = shop.parent / "src/shop/conductor"
    package.mkdir()
    (package / "__init__.py").write_text("\n")
    generate(shop)
    assert "Conductor" in (package / "__init__.py").read_text()


def test_line_endings_of_a_checkout_on_windows_change_nothing(shop: Path) -> None:
    generate(shop)
    for path in (shop.parent / "src/shop/conductor").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert compare(shop).changes == ()
    edit(shop, 'street = "str(min_length=1)"', 'street = "str"')
    assert [change.path for change in generate(shop).changes] == [MODELS, "src/shop/conductor/plan.json"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": 3}', '{"files": {"../../x.py": 1}}', "<<<<<<< ours\n"])
def test_a_damaged_plan_is_no_obstacle_once_it_is_deleted(damage: str, shop: Path) -> None:
    generate(shop)
    plan = shop.parent / "src/shop/conductor/plan.json"
    plan.write_text(damage)
    if damage:
        with pytest.raises(OutputError, match=r"plan\.json"):
            generate(shop)
        plan.unlink()
    generate(shop)
    assert Plan.load(plan).name == "shop"


def test_a_link_out_of_the_project_is_refused(shop: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (shop.parent / "db").symlink_to(outside)
    with pytest.raises(OutputError, match=r"error\[GEN103\]: db/conductor/schema.sql leads out of the project to"):
        generate(shop)
    assert list(outside.iterdir()) == []
    assert not (shop.parent / "src/shop/conductor").exists()


def test_a_link_within_the_project_is_followed(shop: Path) -> None:
    (shop.parent / "database").mkdir()
    (shop.parent / "db").symlink_to("database")
    generate(shop)
    assert (shop.parent / "database/conductor/schema.sql").is_file()
    assert compare(shop).changes == ()


def test_a_last_plan_cannot_make_generate_delete_what_lies_outside(shop: Path, tmp_path: Path) -> None:
    generate(shop)
    victim = tmp_path / "victim.py"
    victim.write_bytes((shop.parent / MODELS).read_bytes())
    plan = shop.parent / "src/shop/conductor/plan.json"
    plan.write_text(plan.read_text().replace(f'"{MODELS}"', '"../victim.py"'))
    with pytest.raises(OutputError):
        generate(shop)
    assert victim.is_file()


@pytest.mark.parametrize("occupy", [Path.mkdir, lambda path: path.write_bytes(b"\xff\xfe")])
def test_what_is_no_text_file_is_refused(occupy: Callable[[Path], object], shop: Path) -> None:
    (shop.parent / "db/conductor").mkdir(parents=True)
    occupy(shop.parent / "db/conductor/schema.sql")
    with pytest.raises(OutputError, match=r"error\[GEN104\]: db/conductor/schema.sql is in the way"):
        generate(shop)


def test_no_file_is_made_above_the_generated_package(shop: Path) -> None:
    edit(shop, 'package = "shop.conductor"', 'package = "acme.shop.conductor"')
    generate(shop)
    assert [path.name for path in (shop.parent / "src/acme").iterdir()] == ["shop"]
    assert [path.name for path in (shop.parent / "src/acme/shop").iterdir()] == ["conductor"]


def test_a_file_is_replaced_in_one_step(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(shop)
    edit(shop, 'street = "str(min_length=1)"', 'street = "str"')
    before = (shop.parent / MODELS).read_bytes()

    def fail(self: Path, target: Path) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=rf"error\[GEN105\]: {MODELS} cannot be written \(the disk is gone\)"):
        generate(shop)
    assert (shop.parent / MODELS).read_bytes() == before
    assert [name for name in os.listdir(shop.parent / "src/shop/conductor") if name.endswith(".tmp")] == []

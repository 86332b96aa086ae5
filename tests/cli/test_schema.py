"""`schema` as a command, and how `generate` keeps what it wrote up to date."""

from __future__ import annotations

import json

from tests.cli.project import Shop

SCHEMA = ".pgconductor/conductor.schema.json"


def queues(shop: Shop) -> list[str]:
    found = json.loads((shop.folder / SCHEMA).read_text())
    task = next(iter(found["properties"]["tasks"]["patternProperties"].values()))
    return list(task["properties"]["queue"]["enum"])


def test_it_is_written_once_and_says_how_editors_find_it(shop: Shop) -> None:
    done = shop.ask("schema")
    assert done.stdout == f"{SCHEMA}\n"
    assert f"#:schema ./{SCHEMA}" in done.stderr
    assert queues(shop) == ["default", "slow"]
    again = shop.ask("schema")
    assert again.stdout == ""
    assert "up to date" in again.stderr


def test_generate_keeps_it_up_to_date_where_the_file_asks_for_it(shop: Shop) -> None:
    shop.edit("[queues.slow]", "[queues.mail]\n[queues.slow]")
    shop.ask("generate")
    assert not (shop.folder / ".pgconductor").exists()
    shop.edit("[conductor]", f"# The shop.\n#:schema ./{SCHEMA}\n\n[conductor]")
    shop.ask("generate", "--check", code=4)
    assert not (shop.folder / ".pgconductor").exists()
    shop.ask("generate")
    assert queues(shop) == ["default", "mail", "slow"]
    shop.edit("[queues.mail]\n", "")
    shop.ask("generate")
    assert queues(shop) == ["default", "slow"]


def test_it_helps_while_the_file_is_wrong_and_not_when_it_is_no_toml(shop: Shop) -> None:
    shop.edit("[queues.slow]", "[queues.mail]\ncolour = 5\n[queues.slow]")
    shop.ask("schema")
    assert queues(shop) == ["default", "mail", "slow"]
    shop.edit("colour = 5", "colour =")
    assert "error[CFG001]" in shop.ask("schema", code=3).stderr
    assert queues(shop) == ["default", "mail", "slow"]


def test_files_that_are_included_have_a_schema_too(shop: Shop) -> None:
    shop.edit('name = "shop"', 'name = "shop"\ninclude = ["more.toml"]')
    (shop.folder / "more.toml").write_text("[queues.more]\n")
    done = shop.ask("schema")
    assert done.stdout.splitlines() == [SCHEMA, ".pgconductor/included.schema.json"]
    assert queues(shop) == ["default", "more", "slow"]
    assert "conductor" not in json.loads((shop.folder / ".pgconductor/included.schema.json").read_text())["properties"]


def test_it_can_be_printed(shop: Shop) -> None:
    assert json.loads(shop.ask("schema", "--stdout").stdout)["title"] == "conductor.toml"
    assert not (shop.folder / ".pgconductor").exists()


def test_a_folder_that_refuses_is_said(shop: Shop) -> None:
    (shop.folder / ".pgconductor").write_text("a file")
    assert "cannot be written" in shop.ask("schema", code=1).stderr
    shop.edit("[conductor]", f"#:schema ./{SCHEMA}\n[conductor]")
    shop.ask("generate")

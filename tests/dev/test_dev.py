"""`pgconductor dev` without a terminal: what follows a save, a mistake, a signal and a death."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.project import Shop
from tests.command import pgconductor
from tests.database import PrivateServer
from tests.dev.driver import Dev, is_alive, until

Start = Callable[..., Dev]


def rewrite(shop: Shop, before: str, after: str) -> None:
    """Change the handlers."""
    path = shop.folder / "shop" / "work.py"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def greeting(shop: Shop) -> str:
    """What the code that is served now answers."""
    id = shop.invoke_in_sql("greet", {"name": "x"})
    query = f"select result ->> 'message' from pgconductor.executions where id = '{id}' and state = 'completed'"
    found: list[tuple[str]] = until(lambda: shop.rows(query))
    return found[0][0]


def test_it_generates_applies_and_runs(fresh: Shop, dev: Start) -> None:
    (fresh.folder / "shop" / "conductor" / "models.py").unlink()
    session = dev(fresh)
    session.serves()
    assert "generated: shop/conductor/models.py" in session.seen
    assert "applied: create queue `slow`" in session.seen
    assert greeting(fresh) == "Hello, x!"
    assert session.stop() == 130


def test_a_saved_module_is_served_by_a_new_generation(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    session.serves()
    before = session.serving()
    rewrite(shop, "Hello", "Salve")
    session.wait_for(r"generation 2 serves default, slow: work.py changed, \d+\.\d\d s after the save")
    assert greeting(shop) == "Salve, x!"
    until(lambda: session.serving().isdisjoint(before))
    assert "generated" not in session.seen


def test_a_file_saved_as_it_was_changes_nothing(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    mark = session.serves()
    work = shop.folder / "shop" / "work.py"
    for _ in range(3):
        work.write_text(work.read_text())
        os.utime(work)
        (shop.folder / "conductor.toml").touch()
        time.sleep(0.2)
    rewrite(shop, "Hello", "Salve")
    session.wait_for("generation 2 serves", since=mark)
    assert greeting(shop) == "Salve, x!"


def test_tunables_are_pushed_without_a_restart(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    session.serves()
    before = session.serving()
    for _ in range(4):
        shop.invoke_in_sql("nap", {"seconds": 60})
    running = "select count(*)::int from pgconductor.running"
    until(lambda: shop.rows(running) == [(2,)])
    shop.edit("worker_concurrency = 2", "worker_concurrency = 4")
    session.wait_for("tunables pushed to generation 1, nothing was restarted")
    until(lambda: shop.rows(running) == [(4,)])
    assert session.serving() == before
    assert shop.rows("select concurrency from pgconductor.workers where queue = 'slow'") == [(4,)]


def test_a_changed_contract_is_generated_applied_and_served(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    session.serves()
    shop.edit('name = "str"', 'name = "str"\n"title?" = "str"')
    shop.edit("[tasks.stumble]", "[queues.extra]\n\n[tasks.stumble]\nqueue = 'extra'")
    rewrite(shop, "{payload.name}", "{payload.title} {payload.name}")
    mark = session.wait_for("generated: shop/conductor/models.py")
    session.wait_for(r"generation \d serves default, extra, slow", since=mark)
    assert "applied: create queue `extra`" in session.seen
    until(lambda: greeting(shop) == "Hello, None x!")


def test_what_the_plan_no_longer_has_goes_when_nobody_works_with_it(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    session.serves()
    shop.edit('queue = "slow"', "")
    shop.edit('[queues.slow]\nworker_concurrency = 2\ndrain_timeout = "200ms"\n', "")
    session.wait_for("generation 2 serves default")
    session.wait_for("applied: drop queue `slow`")


def test_an_invalid_configuration_is_shown_and_the_last_good_one_is_served(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    mark = session.serves()
    before = session.serving()
    config = shop.folder / "conductor.toml"
    good = config.read_text()
    for mistake in ("[tasks.\n", "[tasks.greet.triggers.x]\ncrn = 1\n", "gone", "a directory"):
        if mistake in ("gone", "a directory"):
            config.unlink()
            if mistake == "a directory":
                config.mkdir()
        else:
            config.write_text(good + mistake)
        mark = session.wait_for(r"error\[CFG\d+\]", since=mark)
        mark = session.wait_for("the last valid plan goes on being served", since=mark)
        assert greeting(shop) == "Hello, x!"
        assert session.serving() == before
        if config.is_dir():
            config.rmdir()
        config.write_text(good)
        mark = session.wait_for("the configuration is valid again", since=mark)


def test_python_saved_while_the_configuration_is_invalid_is_served_with_the_last_good_plan(
    shop: Shop, dev: Start
) -> None:
    session = dev(shop)
    session.serves()
    shop.edit("worker_concurrency", "worker_concurency")
    mark = session.wait_for("the last valid plan goes on being served")
    rewrite(shop, "Hello", "Salve")
    session.wait_for("generation 2 serves", since=mark)
    assert greeting(shop) == "Salve, x!"


def test_it_waits_for_a_configuration_that_is_invalid_from_the_start(shop: Shop, dev: Start) -> None:
    config = shop.folder / "conductor.toml"
    good = config.read_text()
    config.write_text(good.replace("worker_concurrency", "worker_concurency"))
    session = dev(shop)
    session.wait_for("did you mean `worker_concurrency`?")
    config.write_text(good)
    session.serves()
    assert session.stop(signal.SIGTERM) == 0


def test_a_module_that_raises_shows_the_users_frames_and_the_old_generation_goes_on(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    mark = session.serves()
    work = shop.folder / "shop" / "work.py"
    good = work.read_text()
    work.write_text(good + "\n\ndef prepare() -> None:\n    raise LookupError('no such thing')\n\n\nprepare()\n")
    session.wait_for("generation 1 goes on serving", since=mark)
    shown = session.seen[mark:]
    assert shown.count("Traceback") == 1, shown
    assert shown.count('File "') == 2, shown
    assert "in prepare" in shown
    assert "LookupError: no such thing" in shown
    assert "3 handlers could not be bound" in shown
    assert greeting(shop) == "Hello, x!"
    work.write_text(good.replace("Hello", "Salve"))
    session.wait_for(r"generation \d serves", since=mark)
    assert greeting(shop) == "Salve, x!"


def test_a_module_that_never_ends_its_import_is_given_up_for_the_next_save(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    mark = session.serves()
    work = shop.folder / "shop" / "work.py"
    good = work.read_text()
    work.write_text("import time\ntime.sleep(1000)\n" + good)
    time.sleep(1)
    assert greeting(shop) == "Hello, x!"
    work.write_text(good.replace("Hello", "Salve"))
    session.wait_for(r"generation \d serves", since=mark)
    assert greeting(shop) == "Salve, x!"
    assert session.stop() == 130


def test_a_module_that_exits_is_a_failure_like_another(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    mark = session.serves()
    rewrite(shop, "import asyncio", "import asyncio\nimport sys\n\nsys.exit('enough')")
    session.wait_for("SystemExit: enough", since=mark)
    session.wait_for("generation 1 goes on serving", since=mark)


def test_an_execution_that_fails_shows_the_users_frames_once_and_then_counts(shop: Shop, dev: Start) -> None:
    rewrite(shop, '    raise RuntimeError("over', '    return json.loads("{")\n    raise RuntimeError("over')
    rewrite(shop, "import asyncio", "import asyncio\nimport json")
    session = dev(shop)
    mark = session.serves()
    for _ in range(3):
        shop.invoke_in_sql("stumble", {})
    session.wait_for(r"failed stumble .* \(traceback above, 3 times now\)", since=mark)
    shown = session.seen[mark:]
    assert shown.count("Traceback") == 1, shown
    assert shown.count('File "') == 1, shown
    assert f'File "{shop.folder}/shop/work.py", line' in shown
    assert 'return json.loads("{")' in shown
    assert "(traceback above, 2 times now)" in shown
    # After a save it is told anew: its place may be another.
    rewrite(shop, "Hello", "Salve")
    mark = session.serves(2)
    shop.invoke_in_sql("stumble", {})
    session.wait_for(r'failed stumble .*\nTraceback [\s\S]*json.loads\("\{"\)[\s\S]*JSONDecodeError', since=mark)


def test_a_worker_process_that_is_killed_is_replaced(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    mark = session.serves()
    (victim,) = session.serving()
    os.kill(victim, signal.SIGKILL)
    mark = session.wait_for(f"worker process {victim} ended with signal SIGKILL", since=mark)
    session.wait_for("generation 2 serves", since=mark)
    assert greeting(shop) == "Hello, x!"


def test_an_outage_of_the_database_is_said_once_and_outlived(
    fresh: Shop, private_server: PrivateServer, dev: Start
) -> None:
    shop = Shop(fresh.folder, private_server.dsn)
    session = dev(shop)
    mark = session.serves()
    private_server.stop("immediate")
    mark = session.wait_for("cannot reach the database", since=mark)
    # Saved while it is away: served when it is back.
    shop.edit('name = "str"', 'name = "str"\n"title?" = "str"')
    session.wait_for("generated: shop/conductor/models.py", since=mark)
    time.sleep(1)
    private_server.start()
    mark = session.wait_for("the database is back", since=mark)
    session.wait_for("generation 2 serves", since=mark)
    assert session.seen.count("cannot reach the database") == 1, session.seen
    assert "again in" not in session.seen
    assert greeting(shop) == "Hello, x!"
    assert session.stop() == 130


def test_it_waits_for_a_database_that_is_not_there_yet(fresh: Shop, private_server: PrivateServer, dev: Start) -> None:
    private_server.stop()
    session = dev(Shop(fresh.folder, private_server.dsn))
    session.wait_for("cannot reach the database")
    private_server.start()
    session.serves()


def test_when_dev_is_killed_its_workers_end_by_themselves(shop: Shop, dev: Start) -> None:
    session = dev(shop)
    session.serves()
    workers = session.workers()
    session.process.kill()
    session.ends()
    until(lambda: not any(map(is_alive, workers)))
    assert shop.rows("select count(*)::int from pgconductor.workers") == [(0,)]


def test_on_the_embedded_postgres_nothing_is_left_even_when_dev_is_killed(tmp_path: Path, dev: Start) -> None:
    pgconductor("init", "bakery", cwd=tmp_path)
    bakery = Shop(tmp_path / "bakery", "")
    session = dev(bakery)
    session.serves()
    workers = session.workers()
    payload = '{"to": "a@b.c", "subject": "hi"}'
    assert "message_id" in bakery.run("invoke", "send_email", payload, "--wait").stdout
    running = bakery.folder / ".pgconductor" / "postgres" / "postmaster.pid"
    assert running.exists()
    session.process.kill()
    session.ends()
    until(lambda: not any(map(is_alive, workers)))
    until(lambda: not running.exists())


def test_an_embedded_postgres_that_is_killed_is_started_again(tmp_path: Path, dev: Start) -> None:
    pgconductor("init", "bakery", cwd=tmp_path)
    bakery = Shop(tmp_path / "bakery", "")
    session = dev(bakery)
    mark = session.serves()
    running = bakery.folder / ".pgconductor" / "postgres" / "postmaster.pid"
    os.kill(int(running.read_text().split()[0]), signal.SIGKILL)
    payload = '{"to": "a@b.c", "subject": "hi"}'
    until(lambda: is_alive(int(running.read_text().split()[0])) if running.exists() else False)
    assert "message_id" in bakery.run("invoke", "send_email", payload, "--wait").stdout
    session.wait_for("completed send_email", since=mark)
    assert session.stop() == 130
    assert not running.exists()


def test_ignored_files_restart_nothing_and_watched_ones_do(shop: Shop, dev: Start, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    letter = tmp_path / "letters" / "hello.txt"
    letter.write_text("1")
    shop.edit("[tasks.greet]\n", '[dev]\nwatch = ["../letters/*.txt"]\nignore = ["test_*.py"]\n\n[tasks.greet]\n')
    session = dev(shop)
    mark = session.serves()
    (shop.folder / "test_shop.py").write_text("x = 1\n")
    letter.write_text("2")
    session.wait_for("generation 2 serves default, slow: hello.txt changed", since=mark)
    assert "test_shop" not in session.seen


def test_each_process_of_a_queue_is_replaced(shop: Shop, dev: Start) -> None:
    shop.edit("[queues.slow]\n", "[queues.slow]\nprocesses = 2\n")
    session = dev(shop)
    session.serves()
    before = session.serving()
    assert len(before) == 2
    rewrite(shop, "Hello", "Salve")
    session.serves(2)
    after = until(lambda: session.serving().isdisjoint(before) and session.serving())
    assert len(after) == 2


def test_json_logs_are_one_object_a_line(shop: Shop, dev: Start) -> None:
    import json

    session = dev(shop, "--log-format", "json")
    session.wait_for("generation 1 serves")
    greeting(shop)
    session.stop()
    *lines, summary = session.seen.splitlines()
    assert all(json.loads(line)["message"] for line in lines)
    assert summary.startswith("stopped: 1 completed")

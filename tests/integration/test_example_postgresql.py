"""The example of PostgreSQL, run as its README says."""

from __future__ import annotations

import shutil
import sys
from decimal import Decimal
from pathlib import Path

import aiohttp
import psycopg

from tests.bindings.fakes import eventually
from tests.bindings.postgresql.server import PostgreSql
from tests.integration.project import ROOT, Project, until
from tests.servers import free_ports

EXAMPLE = ROOT / "examples" / "postgresql"
ORDERS = [
    {"id": 1, "customer": "Zoë", "total": 25.5},
    {"id": 1, "customer": "Zoë", "total": 25.5},
    {"id": 2, "customer": "Zoë", "total": 4.5},
    {"id": 3, "customer": "O'Hara; DROP TABLE orders", "total": 1},
]


async def test_orders_become_rows(tmp_path: Path, postgresql: PostgreSql) -> None:
    url = postgresql.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((EXAMPLE / "schema.sql").read_bytes())
        shutil.copytree(EXAMPLE, tmp_path / "example")
        [port] = free_ports(1)
        definitions = tmp_path / "example" / "pipelines" / "orders.yaml"
        definitions.write_text(definitions.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
        (tmp_path / "project").mkdir()
        project = Project(tmp_path / "project")
        try:
            app = ("--app-id", "shop", "--", sys.executable, str(EXAMPLE / "spending.py"))
            run = project.spawn(str(definitions.parent), *app, env={"DATABASE_URL": url, "APP_PORT": str(port)})
            line = await run.until(lambda line: "listens" in line["message"])
            await until(run, "started", "orders")
            engine = line["message"].rpartition(" ")[2]
            async with aiohttp.ClientSession() as session:
                for order in ORDERS:
                    async with session.post(f"{engine}/webhooks/orders", json=order) as response:
                        assert response.status == 202
                await eventually(lambda: _rows(connection) == 3, timeout=20)
                connection.execute("UPDATE settings SET value = '10', version = '2' WHERE key = 'discount'")
                await session.post(f"{engine}/webhooks/orders", json={"id": 4, "customer": "Zoë", "total": 10})
            await eventually(lambda: _rows(connection) == 4, timeout=20)
            assert await run.stop() == 0
        finally:
            project.end()
        rows = connection.execute("SELECT * FROM orders ORDER BY id").fetchall()
    assert rows == [
        (1, "Zoë", Decimal("25.50"), Decimal("25.50")),
        (2, "Zoë", Decimal("4.50"), Decimal("30.00")),
        (3, "O'Hara; DROP TABLE orders", Decimal("1.00"), Decimal("1.00")),
        (4, "Zoë", Decimal("9.00"), Decimal("39.00")),
    ]


def _rows(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    [(count,)] = connection.execute("SELECT count(*) FROM orders").fetchall()
    return int(str(count))

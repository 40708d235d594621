"""Uploads a file of orders, as a customer does it."""

from __future__ import annotations

import json
import os

from azure.storage.blob import BlobServiceClient

ORDERS = [
    {"id": 17, "customer": "zoe", "article": "tea", "quantity": 2},
    {"id": 18, "customer": "max", "article": "pot", "quantity": 1},
    {"id": 19, "customer": "max", "article": "gold", "quantity": 1},
]


def main() -> None:
    account = {"account_name": "shop", "account_key": os.environ["STORAGE_KEY"]}
    url = os.environ.get("BLOB_URL", "http://127.0.0.1:10000") + "/shop"
    with BlobServiceClient(url, account) as service, service.get_container_client("orders") as container:
        container.upload_blob("incoming/monday.json", json.dumps(ORDERS))


if __name__ == "__main__":
    main()
